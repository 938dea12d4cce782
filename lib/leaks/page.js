const [NAME, KIND, WEIGHT, COUNT, CHILDREN] = [0, 1, 2, 3, 4]
const ROW = 22
const HIDDEN = 0.0008 // Of the width: less cannot be seen.
const LIBRARY = /^(operator (new|delete)|std::|(\w+_|dl)?(m|c|re)alloc$|.*memalign$)/
const $ = (selector) => document.querySelector(selector)
const graph = $('.graph')
const tip = $('.tip')
const plain = (n) => n.toLocaleString('en-US')
const sized = (n) => n < 1024 ? `${n} bytes` : n < 1048576 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1048576).toFixed(1)} MB`

let shown = GRAPHS.find(({ tree }) => tree[WEIGHT] > 0) || GRAPHS[0]
// The frames from the root to the one that fills the width.
let trail = [shown.tree]

const amount = (node) => shown.unit === 'bytes' ? `${sized(node[WEIGHT])} in ${plain(node[COUNT])} block${node[COUNT] === 1 ? '' : 's'}` : `${plain(node[WEIGHT])} object${node[WEIGHT] === 1 ? '' : 's'}`
const share = (node) => shown.tree[WEIGHT] > 0 ? `${(100 * node[WEIGHT] / shown.tree[WEIGHT]).toFixed(1)} %` : ''

function draw () {
  const wanted = $('input').value.trim().toLowerCase()
  const focus = trail.at(-1)
  graph.replaceChildren()
  let depth = 0
  const put = (node, path, left, width, row, above) => {
    const frame = document.createElement('div')
    const found = wanted !== '' && node[NAME].toLowerCase().includes(wanted)
    frame.className = `frame ${node[KIND]}${above ? ' above' : ''}${found ? ' found' : ''}${width < 0.015 ? ' slim' : ''}`
    frame.style.cssText = `left:${100 * left}%;width:${100 * width}%;top:${ROW * row}px`
    frame.textContent = width < 0.015 ? '' : path.length === 1 ? `all: ${amount(node)}` : node[NAME]
    frame.tabIndex = 0
    frame.setAttribute('role', 'treeitem')
    frame.setAttribute('aria-label', `${node[NAME]}: ${amount(node)}`)
    frame.path = path
    graph.append(frame)
    depth = Math.max(depth, row)
  }
  trail.slice(0, -1).forEach((node, row) => put(node, trail.slice(0, row + 1), 0, 1, row, true))
  const open = [[focus, trail, 0, 1]]
  while (open.length > 0) {
    const [node, path, left, width] = open.pop()
    put(node, path, left, width, path.length - 1, false)
    let at = left
    for (const child of node[CHILDREN]) {
      const own = node[WEIGHT] > 0 ? width * child[WEIGHT] / node[WEIGHT] : 0
      if (own >= HIDDEN) open.push([child, [...path, child], at, own])
      at += own
    }
  }
  graph.style.height = `${(depth + 1) * ROW}px`
  $('.reset').hidden = trail.length === 1
  $('.details').textContent = trail.length === 1 ? 'Click a frame to look closer.' : `${focus[NAME]}: ${amount(focus)}, ${share(focus)} of all`
}

function zoom (path) {
  trail = path
  tip.hidden = true
  draw()
}

// The innermost frames, with the whole way to each.
function leaves () {
  const found = []
  const open = [[shown.tree]]
  while (open.length > 0) {
    const path = open.pop()
    const node = path.at(-1)
    const own = [WEIGHT, COUNT].map((what) => node[what] - node[CHILDREN].reduce((sum, child) => sum + child[what], 0))
    if (own[1] > 0 && path.length > 1) found.push({ path, weight: own[0], count: own[1] })
    for (const child of node[CHILDREN]) open.push([...path, child])
  }
  return found.sort((a, b) => b.weight - a.weight)
}

function list () {
  const bytes = shown.unit === 'bytes'
  const row = (cells, tag) => {
    const made = document.createElement('tr')
    cells.forEach((text, i) => {
      const cell = document.createElement(tag)
      cell.textContent = text
      if (i < (bytes ? 2 : 1)) cell.className = 'amount'
      made.append(cell)
    })
    return made
  }
  const all = leaves()
  $('thead').replaceChildren(...all.length > 0 ? [row(bytes ? ['bytes', 'blocks', 'allocated in', 'called from'] : ['objects', 'class', 'made at'], 'th')] : [])
  $('tbody').replaceChildren(...all.slice(0, 200).map(({ path, weight, count }) => {
    const asked = path.findLast((node) => node[KIND] === 'wasm' && !LIBRARY.test(node[NAME]))
    const script = path.findLast((node) => node[KIND] === 'js')
    const from = script ? script[NAME] : ''
    const made = row(bytes ? [plain(weight), plain(count), asked ? asked[NAME] : '(JavaScript)', from] : [plain(weight), path.at(-1)[NAME], from], 'td')
    made.onclick = () => { zoom(path); graph.scrollIntoView({ block: 'nearest' }) }
    return made
  }))
  $('.none').hidden = all.length > 0
  graph.hidden = $('.details').hidden = all.length === 0
}

function show (which) {
  shown = which
  trail = [which.tree]
  for (const tab of $('.tabs').children) tab.setAttribute('aria-selected', String(tab.dataset.id === which.id))
  draw()
  list()
}

for (const each of GRAPHS) {
  const tab = document.createElement('button')
  tab.type = 'button'
  tab.role = 'tab'
  tab.dataset.id = each.id
  tab.textContent = `${each.label}: ${each.unit === 'bytes' ? sized(each.tree[WEIGHT]) : plain(each.tree[WEIGHT])}`
  tab.onclick = () => show(each)
  $('.tabs').append(tab)
}
graph.onclick = (event) => { if (event.target.path) zoom(event.target.path) }
graph.onkeydown = (event) => { if (event.key === 'Enter' && event.target.path) zoom(event.target.path) }
graph.onmousemove = (event) => {
  const { path } = event.target
  tip.hidden = !path
  if (!path) return
  const name = document.createElement('b')
  name.textContent = path.at(-1)[NAME]
  tip.replaceChildren(name, `${amount(path.at(-1))}, ${share(path.at(-1))} of all`)
  const { width, height } = tip.getBoundingClientRect()
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, innerWidth - width - 8))}px`
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`
}
graph.onmouseleave = () => { tip.hidden = true }
$('input').oninput = draw
$('.reset').onclick = () => zoom([shown.tree])
addEventListener('keydown', (event) => { if (event.key === 'Escape') zoom([shown.tree]) })
show(shown)
