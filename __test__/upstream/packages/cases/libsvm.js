'use strict'

module.exports = {
  package: 'libsvm-js',
  source: 'libsvm-js/out/wasm/libsvm.js',
  load: async ({ require }) => {
    const libsvm = require('libsvm-js/out/wasm/libsvm')
    await libsvm.load()
    return require('libsvm-js/src/loadSVM')(libsvm)
  },
  native: ({ require, module }) => require('libsvm-js/src/loadSVM')(module),
  job (SVM, { tools }) {
    const next = tools.random(5)
    const samples = Array.from({ length: 150 }, () => [next() * 2 - 1, next() * 2 - 1])
    const labels = samples.map(([x, y]) => x * x + y * y < 0.5 ? 1 : -1)
    return ['RBF', 'LINEAR', 'POLYNOMIAL'].map((kernel) => {
      const svm = new SVM({ kernel: SVM.KERNEL_TYPES[kernel], type: SVM.SVM_TYPES.C_SVC, gamma: 1, cost: 1, quiet: true })
      svm.train(samples, labels)
      const out = [svm.predict(samples.slice(0, 40)), svm.serializeModel(), svm.getSVIndices()]
      svm.free()
      return out
    })
  }
}
