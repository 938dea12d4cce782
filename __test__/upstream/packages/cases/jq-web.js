'use strict'

module.exports = {
  package: 'jq-web',
  source: 'jq-web/jq.js',
  load: ({ require }) => require('jq-web'),
  job (jq, { tools }) {
    const next = tools.random(11)
    const data = { items: Array.from({ length: 200 }, (_, id) => ({ id, name: `n${id % 17}`, v: Math.floor(next() * 1000), tags: [`a${id % 3}`, 'b'] })) }
    const filters = [
      '.items | group_by(.name) | map({k: .[0].name, n: length, s: (map(.v) | add)})', '[.items[] | select(.id % 50 == 0) | .tags[]] | unique',
      '.items | map(.v | sqrt) | add', '[.items[].name | test("n1")] | map(select(.)) | length', 'reduce .items[] as $i (0; . + $i.id)'
    ]
    return [
      ...filters.map((filter) => jq.json(data, filter)),
      jq.raw(JSON.stringify(data), '.items[0]', ['-c']),
      jq.raw('{"a": "ü"}', '.a + $x', ['--arg', 'x', '✓']),
      tools.attempt(() => jq.json(data, '.items['))
    ]
  }
}
