'use strict'

// Makes docs/images/service.png: the page of examples/service after a while of traffic in each of its modes. Needs Chromium.
//
//   node scripts/service-image.js [seconds of each mode] [folder for other windows and colours]

const fs = require('node:fs')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { launch } = require('../__test__/support/browser')
const { serve } = require('../examples/service/server')

const OTHERS = { wide: [1280, 800, false], 'wide-dark': [1280, 800, true], narrow: [390, 844, false], 'narrow-dark': [390, 844, true] }

async function main () {
  const seconds = Number(process.argv[2] || 20)
  const app = await serve()
  const browser = await launch()
  const page = await browser.open(`http://localhost:${app.server.address().port}`)
  const choose = (mode) => page.evaluate(`document.querySelector('input[value=${mode}]').click()`)
  await page.evaluate("document.getElementById('traffic').click()")
  for (const mode of ['emvm', 'plain', 'emvm']) {
    await choose(mode)
    await sleep(seconds * 1000)
  }
  fs.writeFileSync(path.join(__dirname, '..', 'docs', 'images', 'service.png'), await page.screenshot())
  if (process.argv[3]) {
    for (const [name, [width, height, dark]] of Object.entries(OTHERS)) {
      await page.size(width, height)
      await page.dark(dark)
      await sleep(1000)
      fs.writeFileSync(path.join(process.argv[3], `${name}.png`), await page.screenshot())
      fs.writeFileSync(path.join(process.argv[3], `${name}-full.png`), await page.screenshot({ full: true }))
    }
  }
  await browser.close()
  await app.close()
}

main()
