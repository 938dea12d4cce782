'use strict'

// A Proxy that tells its target and its handler, which nobody else can learn.

function proxies (registry, known) {
  const note = (proxy, target, handler) => {
    known.set(proxy, { target, handler })
    return proxy
  }
  return new Proxy(Proxy, {
    construct: (Real, [target, handler]) => note(new Real(target, handler), target, handler),
    get: (Real, key, receiver) => key === 'revocable' ? revocable : Reflect.get(Real, key, receiver)
  })

  function revocable (target, handler) {
    const { proxy, revoke } = Proxy.revocable(target, handler)
    note(proxy, target, handler)
    const early = registry.$rw.on
    return {
      proxy,
      revoke () {
        // Nothing takes that back.
        if (early && !registry.$rw.on) registry.undone = 'a Proxy of the image was revoked'
        revoke()
      }
    }
  }
}

module.exports = { proxies }
