'use strict'

module.exports = {
  package: 're2-wasm',
  source: 're2-wasm/build/wasm/re2.js',
  wrapper: { file: 're2-wasm/build/src/re2.js', glue: 're2-wasm/build/wasm/re2.js', wrap: (module) => module },
  job ({ RE2 }, { tools }) {
    const text = `${tools.words(3000)} Ünïcode ✓ a.b@c.org 2024-01-31 aaaaaaaaaaaaaaaaaaaaaaaab`
    const out = []
    for (const [pattern, flags] of [['(\\w+) (wasm|engine)', 'gu'], ['(?P<y>\\d{4})-(?P<m>\\d\\d)', 'u'], ['[a-z.]+@[a-z]+\\.org', 'giu'], ['(a+)+$', 'u'], ['\\p{L}+', 'gu']]) {
      const expression = new RE2(pattern, flags)
      for (let i = 0; i < 100; i++) {
        const match = expression.exec(text)
        out.push(match && [match.index, ...match, match.groups])
        if (!match || !flags.includes('g')) break
      }
    }
    out.push(new RE2('e', 'gu')[Symbol.replace](text.slice(0, 300), 'E'))
    out.push(tools.attempt(() => new RE2('(', 'u')))
    return out
  }
}
