'use strict'

const CORE = 'essentia.js/dist/essentia.js-core.umd.js'

module.exports = {
  package: 'essentia.js',
  source: 'essentia.js/dist/essentia-wasm.umd.js',
  load: ({ require }) => {
    const glue = require('essentia.js/dist/essentia-wasm.umd.js')
    return { Essentia: require(CORE), module: glue.EssentiaWASM || glue }
  },
  native: ({ require, module }) => ({ Essentia: require(CORE), module }),
  job ({ Essentia, module }, { tools }) {
    const essentia = new Essentia(module)
    const list = (vector) => Array.from(essentia.vectorToArray(vector))
    const signal = essentia.arrayToVector(tools.tone(22050))
    const out = [essentia.version, essentia.RMS(signal).rms, essentia.ZeroCrossingRate(signal).zeroCrossingRate, essentia.Energy(signal).energy, essentia.Loudness(signal).loudness]
    const frame = essentia.arrayToVector(tools.tone(2048))
    const { spectrum } = essentia.Spectrum(essentia.Windowing(frame).frame)
    const { mfcc, bands } = essentia.MFCC(spectrum)
    const peaks = essentia.SpectralPeaks(spectrum)
    return [out, list(spectrum), list(mfcc), list(bands), essentia.PitchYin(frame), list(peaks.frequencies), list(peaks.magnitudes)]
  }
}
