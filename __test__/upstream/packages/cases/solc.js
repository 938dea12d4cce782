'use strict'

const GOOD = 'pragma solidity ^0.8.0; contract A { mapping(address => uint) public b; error Z(); function f(uint x) external returns (uint y) { if (x > 9) revert Z(); y = x * x + b[msg.sender]; b[msg.sender] = y; } }'

module.exports = {
  package: 'solc',
  source: 'solc/soljson.js',
  load: ({ require }) => require('solc/wrapper')(require('solc/soljson.js')),
  native: ({ require, module }) => require('solc/wrapper')(module),
  job (solc) {
    const compile = (content, selection) => JSON.parse(solc.compile(JSON.stringify({
      language: 'Solidity', sources: { 'a.sol': { content } }, settings: { optimizer: { enabled: true, runs: 200 }, outputSelection: selection }
    })))
    const good = compile(GOOD, { '*': { '*': ['abi', 'evm.bytecode.object'] } })
    const bad = compile('contract B { uint x = ; }', {})
    const imported = JSON.parse(solc.compile(JSON.stringify({
      language: 'Solidity', sources: { 'c.sol': { content: 'import "lib.sol"; contract C is L {}' } }, settings: { outputSelection: { '*': { '*': ['abi'] } } }
    }), { import: (file) => file === 'lib.sol' ? { contents: 'contract L { uint public l; }' } : { error: 'absent' } }))
    return [solc.version(), good, bad.errors.map(({ formattedMessage }) => formattedMessage), imported]
  }
}
