'use strict'

const GLUE = '@recast-navigation/wasm/dist/recast-navigation.wasm.js'

function grid (size) {
  const positions = []
  const indices = []
  for (let z = 0; z <= size; z++) for (let x = 0; x <= size; x++) positions.push(x, Math.sin(x * 0.3) * Math.cos(z * 0.2) * 0.4, z)
  for (let z = 0; z < size; z++) {
    for (let x = 0; x < size; x++) {
      const at = z * (size + 1) + x
      indices.push(at, at + size + 1, at + 1, at + 1, at + size + 1, at + size + 2)
    }
  }
  return [positions, indices]
}

async function wrapped ({ at, read }, factory) {
  const { pathToFileURL } = require('node:url')
  const load = (file) => import(pathToFileURL(at(file)).href)
  const core = await load('@recast-navigation/core/dist/index.mjs')
  if (factory) {
    // `init` keeps the first module it is given, so a second generation is put in its place.
    const { Raw } = core
    Raw.Module = undefined
    await core.init(factory)
  } else {
    const glue = (await load(GLUE)).default
    await core.init(() => glue({ wasmBinary: read('@recast-navigation/wasm/dist/recast-navigation.wasm.wasm') }))
  }
  return { core, generators: await load('@recast-navigation/generators/dist/index.mjs') }
}

module.exports = {
  package: '@recast-navigation/wasm',
  source: GLUE,
  load: (context) => wrapped(context),
  native: (context) => wrapped(context, async () => context.module),
  async job ({ core, generators }) {
    const [positions, indices] = grid(30)
    const { success, navMesh, error } = generators.generateSoloNavMesh(positions, indices, { cs: 0.2, ch: 0.2, walkableSlopeAngle: 60, walkableHeight: 5, walkableClimb: 4, walkableRadius: 1 })
    if (!success) return ['failed', error]
    const out = core.getNavMeshPositionsAndIndices(navMesh).map((list) => Float32Array.from(list))
    const query = new core.NavMeshQuery(navMesh)
    const path = query.computePath({ x: 2, y: 0.5, z: 2 }, { x: 25, y: 0.5, z: 20 })
    out.push(path.success, path.path, query.findClosestPoint({ x: 9, y: 0.5, z: 9 }).point)
    const crowd = new core.Crowd(navMesh, { maxAgents: 5, maxAgentRadius: 0.6 })
    const agents = [0, 1, 2].map((i) => crowd.addAgent({ x: 2 + i, y: 0.5, z: 2 }, { radius: 0.4, height: 2, maxAcceleration: 8, maxSpeed: 3 }))
    agents.forEach((agent, i) => agent.requestMoveTarget({ x: 25, y: 0.5, z: 25 - i }))
    for (let i = 0; i < 60; i++) crowd.update(1 / 30)
    out.push(agents.map((agent) => agent.position()))
    return out
  }
}
