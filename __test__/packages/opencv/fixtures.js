'use strict'

// The text "emvm" as a QR code, version 1, level M.
const QR_CODE = `
#######.##.#..#######
#.....#..###..#.....#
#.###.#..#..#.#.###.#
#.###.#.#.###.#.###.#
#.###.#.#.##..#.###.#
#.....#.##....#.....#
#######.#.#.#.#######
........##.#.........
###.#.#.###..#####..#
..##.#.##.........#..
.###..####.##.#..#..#
.#.#.#.#...#.#.###..#
#.#.######...#####...
........#.#...##...#.
#######..##.#.#.#.##.
#.....#......####....
#.###.#.###...##.#.#.
#.###.#..#...#.##....
#.###.#.#.##.#.#..###
#.....#.#.##.#..#.##.
#######.#.#.#..##.##.
`.trim().split('\n')

// A classifier small enough to read: 12x12 windows that are bright above and dark below, and bright in the middle.
const CASCADE = `<?xml version="1.0"?>
<opencv_storage>
<cascade type_id="opencv-cascade-classifier">
  <stageType>BOOST</stageType>
  <featureType>HAAR</featureType>
  <height>12</height>
  <width>12</width>
  <stageParams><maxWeakCount>1</maxWeakCount></stageParams>
  <featureParams><maxCatCount>0</maxCatCount></featureParams>
  <stageNum>2</stageNum>
  <stages>
    <_>
      <maxWeakCount>1</maxWeakCount>
      <stageThreshold>0.5</stageThreshold>
      <weakClassifiers><_><internalNodes>0 -1 0 0.2</internalNodes><leafValues>0. 1.</leafValues></_></weakClassifiers>
    </_>
    <_>
      <maxWeakCount>1</maxWeakCount>
      <stageThreshold>0.5</stageThreshold>
      <weakClassifiers><_><internalNodes>0 -1 1 -0.1</internalNodes><leafValues>0. 1.</leafValues></_></weakClassifiers>
    </_>
  </stages>
  <features>
    <_><rects><_>0 0 12 12 -1.</_><_>0 0 12 6 2.</_></rects><tilted>0</tilted></_>
    <_><rects><_>0 0 12 12 -1.</_><_>3 0 6 12 2.</_></rects><tilted>0</tilted></_>
  </features>
</cascade>
</opencv_storage>
`

// The modules of the code, four pixels each, with a quiet zone.
function qrPixels (scale = 4, quiet = 4) {
  const size = (QR_CODE.length + 2 * quiet) * scale
  const bytes = new Uint8Array(size * size).fill(255)
  for (let y = 0; y < QR_CODE.length * scale; y++) {
    for (let x = 0; x < QR_CODE.length * scale; x++) {
      if (QR_CODE[Math.floor(y / scale)][Math.floor(x / scale)] === '#') bytes[(y + quiet * scale) * size + x + quiet * scale] = 0
    }
  }
  return { size, bytes }
}

module.exports = { CASCADE, qrPixels }
