'use strict'

function model () {
  const lines = [
    'ISO-10303-21;', 'HEADER;', "FILE_DESCRIPTION((''),'2;1');", "FILE_NAME('a','2020-01-01T00:00:00',(''),(''),'','','');", "FILE_SCHEMA(('IFC4'));", 'ENDSEC;', 'DATA;',
    '#1=IFCCARTESIANPOINT((0.,0.,0.));', '#2=IFCAXIS2PLACEMENT3D(#1,$,$);', "#3=IFCGEOMETRICREPRESENTATIONCONTEXT($,'Model',3,1.E-5,#2,$);",
    '#4=IFCSIUNIT(*,.LENGTHUNIT.,$,.METRE.);', '#5=IFCUNITASSIGNMENT((#4));', "#6=IFCPROJECT('0aaaaaaaaaaaaaaaaaaaaa',$,'P',$,$,$,$,(#3),#5);",
    '#7=IFCCARTESIANPOINT((0.,0.));', '#8=IFCAXIS2PLACEMENT2D(#7,$);'
  ]
  const walls = []
  for (let i = 0, id = 9; i < 8; i++, id += 9) {
    lines.push(
      `#${id}=IFCRECTANGLEPROFILEDEF(.AREA.,$,#8,${1 + i * 0.25},${2 + i * 0.5});`, `#${id + 1}=IFCDIRECTION((0.,0.,1.));`,
      `#${id + 2}=IFCEXTRUDEDAREASOLID(#${id},#2,#${id + 1},${0.5 + i});`, `#${id + 3}=IFCSHAPEREPRESENTATION(#3,'Body','SweptSolid',(#${id + 2}));`,
      `#${id + 4}=IFCPRODUCTDEFINITIONSHAPE($,$,(#${id + 3}));`, `#${id + 5}=IFCCARTESIANPOINT((${i * 3}.,0.,0.));`,
      `#${id + 6}=IFCAXIS2PLACEMENT3D(#${id + 5},$,$);`, `#${id + 7}=IFCLOCALPLACEMENT($,#${id + 6});`,
      `#${id + 8}=IFCWALL('1aaaaaaaaaaaaaaaaaaa0${i}',$,'W${i}',$,$,#${id + 7},#${id + 4},$,$);`)
    walls.push(id + 8)
  }
  lines.push('ENDSEC;', 'END-ISO-10303-21;')
  return { bytes: new TextEncoder().encode(lines.join('\n')), walls }
}

module.exports = {
  package: 'web-ifc',
  source: 'web-ifc/web-ifc-api-node.js',
  options: ({ at }) => ({ wasm: at('web-ifc/web-ifc-node.wasm') }),
  wrapper: { file: 'web-ifc/web-ifc-api-node.js', factory: 'const modulePromise = WebIFCWasm(' },
  async job ({ IfcAPI }, { at }) {
    const api = new IfcAPI()
    await api.Init((file) => at(`web-ifc/${file.replace(/^.*\//, '')}`), true)
    const { bytes, walls } = model()
    const id = api.OpenModel(bytes)
    const out = [api.GetModelSchema(id), api.GetAllLines(id).size()]
    const meshes = api.LoadAllGeometry(id)
    for (let i = 0; i < meshes.size(); i++) {
      const mesh = meshes.get(i)
      for (let k = 0; k < mesh.geometries.size(); k++) {
        const placed = mesh.geometries.get(k)
        const geometry = api.GetGeometry(id, placed.geometryExpressID)
        out.push(
          mesh.expressID, placed.flatTransformation, placed.color,
          api.GetVertexArray(geometry.GetVertexData(), geometry.GetVertexDataSize()), api.GetIndexArray(geometry.GetIndexData(), geometry.GetIndexDataSize()))
      }
    }
    out.push(api.GetLine(id, walls[3]).Name, Buffer.from(api.SaveModel(id)).length)
    api.CloseModel(id)
    return out
  }
}
