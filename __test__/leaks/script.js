'use strict'

// Two kinds of leak: C++ that forgets what it made, and JavaScript that forgets to delete.

const path = require('node:path')
const { open } = require('../..')

function fill (basket) {
  basket.add(500)
  basket.weigh(40)
}

function borrow (module) {
  const ptr = module._malloc(64)
  module._free(ptr)
  return module._malloc(32)
}

async function main () {
  const vm = await open(path.join(__dirname, '..', 'fixtures', 'leaky.js'))
  for (let i = 0; i < 2; i++) {
    const module = await vm.isReady()
    const basket = new module.Basket()
    fill(basket)
    basket.delete()
    void new module.Basket()
    borrow(module)
  }
}

main()
