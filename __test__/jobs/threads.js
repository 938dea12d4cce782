'use strict'

// Calls for threads in a program that has one thread.
exports.job = (m) => {
  const room = m._place()
  const said = {}
  const say = (name, ...args) => { said[`${name}(${args.map((arg) => arg >= room ? 'room' : arg)}) ${Object.keys(said).length}`] = m[`_t_${name}`](...args) }
  const life = (kind, ...uses) => {
    say(`${kind}_init`, room, 0, 0)
    for (const use of uses) say(`${kind}_${use}`, room, 0)
    say(`${kind}_destroy`, room)
  }
  life('pthread_mutex', 'lock', 'trylock', 'timedlock', 'unlock')
  life('pthread_rwlock', 'rdlock', 'tryrdlock', 'wrlock', 'trywrlock', 'unlock')
  life('pthread_spin', 'lock', 'trylock', 'unlock')
  life('pthread_barrier', 'wait')
  life('pthread_cond', 'wait', 'signal', 'broadcast')
  life('sem', 'post', 'wait', 'trywait')
  life('pthread_mutexattr', 'settype')
  life('pthread_condattr', 'setclock')
  life('pthread_attr', 'setdetachstate', 'setstacksize')
  say('pthread_create', room, 0, m._function(), 0)
  for (const [name, ...args] of [['join', 1, 0], ['detach', 1], ['cancel', 1], ['getattr_np', 1, room], ['equal', 3, 3], ['equal', 3, 4], ['atfork', 0, 0, 0]]) say(`pthread_${name}`, ...args)

  m.HEAP32[room >> 2] = 0
  say('pthread_once', room, m._function())
  say('pthread_once', room, m._function())
  said.runs = m._runs()

  // The keys' numbers are the library's own.
  const make = () => m._t_pthread_key_create(room, 0) === 0 ? m.HEAP32[room >> 2] : -1
  const [first, second] = [make(), make()]
  said.keys = first !== second
  const values = []
  const set = (key, value) => { values.push(m._t_pthread_setspecific(key, value)) }
  const get = (key) => { values.push(m._t_pthread_getspecific(key)) }
  get(first)
  set(first, 5)
  set(second, 6)
  get(first)
  get(second)
  get(9999)
  set(9999, 1)
  values.push(m._t_pthread_key_delete(first), m._t_pthread_key_delete(9999))
  get(first)
  get(second)
  values.push(m._t_pthread_key_create(0, 0))
  said.values = values
  return said
}
