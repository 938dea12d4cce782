'use strict'

// System calls about the process: what each says, and what it writes.
exports.job = (m) => {
  const room = m._place()
  const written = (length) => Array.from(m.HEAPU8.subarray(room, room + length))
  const said = {}
  const say = (name, ...args) => { said[`${name}(${args.map((arg) => arg >= room ? 'room' : arg)})`] = m[`_s_${name}`](...args) }
  for (const name of ['sync', 'getpid', 'getppid', 'setsid', 'pause', 'munlockall']) say(name)
  for (const name of ['getsid', 'getpgid']) for (const pid of [0, 42, 7, -1]) say(name, pid)
  for (const [pid, group] of [[0, 0], [42, 42], [0, 9], [9, 0], [42, 0]]) say('setpgid', pid, group)
  say('nice', 1)
  say('nice', -1)
  for (const size of [0, -1, 1, 16]) say('getgroups32', size, room)
  for (const mask of [0o22, 0o77, 0]) say('umask', mask)
  say('setrlimit', 1, room)
  say('getpriority', 0, 0)
  say('setpriority', 0, 0, 1)
  say('setdomainname', room, 3)
  for (const name of ['getresuid32', 'getresgid32']) {
    m.HEAPU8.fill(9, room, room + 12)
    say(name, room, room + 4, room + 8)
    said[`${name} wrote`] = written(12)
  }
  for (const name of ['mlock', 'munlock', 'acct', 'mlockall']) say(name, room, 1)
  say('mprotect', room, 1, 1)
  say('mremap', room, 1, 2, 0, 0)
  say('mincore', room, 1, room)
  say('setitimer', 0, room, 0)
  say('wait4', -1, 0, 0, 0)
  say('pselect6', 0, 0, 0, 0, 0, 0)
  m.HEAPU8.fill(9, room, room + 32)
  say('prlimit64', 0, 1, 0, room)
  said.limits = written(20)
  say('prlimit64', 0, 1, 0, 0)
  m.HEAPU8.fill(9, room, room + 32)
  say('ugetrlimit', 1, room)
  said.limit = written(20)
  m.HEAPU8.fill(9, room, room + 200)
  say('getrusage', 0, room)
  said.usage = written(140)
  say('uname', 0)
  m.HEAPU8.fill(0, room, room + 400)
  say('uname', room)
  said.names = [0, 1, 2, 3].map((i) => Buffer.from(written(400).slice(65 * i, 65 * i + 65)).toString().split('\0')[0])
  return said
}
