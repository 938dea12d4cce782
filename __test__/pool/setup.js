'use strict'

module.exports = ({ memory }) => ({ memory, imports: { env: { callback: (x) => x * 2 } }, warmUp: (module) => { module._store(2048, 77) } })
