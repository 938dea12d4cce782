'use strict'

const soon = (value) => new Promise((resolve) => setTimeout(resolve, 1, value))

exports.job = async (m) => {
  const result = {}
  const handles = m.count_emval_handles()
  result.sum = await m.sum(soon(1), Promise.resolve(2.5))
  const waiting = m.sum(soon(10), soon(20))
  result.waiting = [waiting instanceof Promise, m.running(), m.count_emval_handles() > handles]
  result.waited = [await waiting, m.running()]
  result.many = await Promise.all([3, 2, 1].map((n) => m.sum(soon(n), soon(100))))
  result.each = await m.each([soon('a'), { then: (resolve, reject) => reject(new Error('no')) }, 'not a promise', { then: (resolve) => resolve('thenable') }])
  result.rejected = await m.sum(Promise.reject(new RangeError('theirs')), 1).catch((error) => [error.name, error.message])
  result.left = [m.running(), m.count_emval_handles() - handles]
  result.failed = await m.failsAfter(soon(), 'by C++').catch((error) => m.whatOf(Number(error)))
  result.end = m.running()
  return result
}
