'use strict'

// Time as it passes, whatever a test framework puts in the place of Node's timers: what emvm itself waits for must come.

const timers = require('node:timers')

// Fake timers keep what they stand for beside their clock.
function genuine (object, name) {
  const fn = object[name]
  return (fn.clock && fn.clock[`_${name}`]) || fn
}

const [setTimeout, clearTimeout, setImmediate, clearImmediate] = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'].map((name) => genuine(timers, name))
const [hrtime, nextTick] = ['hrtime', 'nextTick'].map((name) => genuine(process, name))

// Milliseconds since some time.
function now () {
  const { 0: seconds, 1: nanos } = hrtime()
  return seconds * 1e3 + nanos / 1e6
}

// Nanoseconds since the same.
const nanoseconds = hrtime.bigint

module.exports = { setTimeout, clearTimeout, setImmediate, clearImmediate, nanoseconds, nextTick, now }
