/** Charts over time, by uPlot, in the colours of the page; each says in words what it shows. */
import uPlot from '../uplot/uplot.js'
import { el } from './dom.js'
import { onTheme } from './theme.js'

/** As the theme has it now, for a canvas. */
function colour(name) {
  const probe = document.createElement('span')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

const pad = (number) => String(number).padStart(2, '0')
/** In 24 hours, and no finer than the step between two marks needs. */
function timeMark(seconds, step) {
  const date = new Date(seconds * 1000)
  if (step >= 86_400) return `${date.getDate()} ${date.toLocaleString('en', { month: 'short' })}`
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${step < 60 ? `:${pad(date.getSeconds())}` : ''}`
}
/** Marks that would say the same as the one below say nothing. */
const distinct = (texts) => texts.map((text, index) => (text === texts[index - 1] ? '' : text))

const steps = [
  5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000,
]

/**
 * `series`: `{ label, colour, fill, dash, points, width }` beside the times; `bands`: pairs of their numbers with a colour; `format` of
 * values. `label` says what it is; `update(data, text)` shows other data.
 */
export function chart({ label, series, bands = [], format = String, height = 180, max, lastSeconds }) {
  const box = el('div.chart', { role: 'img', 'aria-label': label })
  let data = [[], ...series.map(() => [])]
  let plot = null

  function make() {
    plot?.destroy()
    const width = box.clientWidth
    if (width === 0) return
    const grid = { stroke: colour('line'), width: 1 }
    const axis = { stroke: colour('quiet'), grid, ticks: { show: false }, font: '11px system-ui, sans-serif' }
    plot = new uPlot(
      {
        ...{ width, height, legend: { show: false }, padding: [8, 8, 0, 0] },
        cursor: { drag: { x: false, y: false } },
        scales: { x: { time: true, range: rangeOf }, y: { range: (_, __, top) => [0, Math.max(max ?? 0, top > 0 ? top * 1.1 : 1)] } },
        axes: [
          { ...axis, size: 30, incrs: steps, space: 70, values: (_, marks, __, ___, step) => marks.map((mark) => timeMark(mark, step)) },
          { ...axis, size: 74, values: (_, values) => distinct(values.map((value) => format(value))) },
        ],
        series: [
          {},
          ...series.map(({ label: name, colour: ink, fill, dash, points = false, width: stroke = 1.5 }) => ({
            ...{ label: name, stroke: ink === null ? undefined : colour(ink), width: ink === null ? 0 : stroke, spanGaps: false },
            ...(dash && { dash: [4, 4] }),
            ...(fill && { fill: `${colour(fill)}` }),
            points: { show: points, size: 7, fill: ink === null ? undefined : colour(ink) },
            ...(points && { paths: () => null }),
          })),
        ],
        bands: bands.map(({ upper, lower, colour: ink }) => ({ series: [upper, lower], fill: colour(ink) })),
      },
      data,
      box,
    )
  }

  /** A chart that has just begun is not stretched: what is not there yet stays empty. */
  function rangeOf(_, first, last) {
    if (lastSeconds !== undefined) return [Date.now() / 1000 - lastSeconds, Date.now() / 1000]
    return first === last ? [first - 60, last + 60] : [first, last]
  }

  const resized = new ResizeObserver(() => {
    if (plot === null) make()
    else if (box.clientWidth > 0) plot.setSize({ width: box.clientWidth, height })
  })
  resized.observe(box)
  const stopTheme = onTheme(make)
  return {
    node: box,
    update(next, text) {
      data = next
      if (plot === null) make()
      else plot.setData(next)
      if (text !== undefined) box.setAttribute('aria-label', `${label}: ${text}`)
    },
    stop() {
      resized.disconnect()
      stopTheme()
      plot?.destroy()
    },
  }
}

const svg = (name, attributes) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}

/** A line in a cell of a table. */
export function sparkline(values, text) {
  const [width, height] = [96, 22]
  const top = Math.max(...values, 0.001)
  const step = width / Math.max(1, values.length - 1)
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`)
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', class: 'spark' })
  picture.setAttribute('aria-label', text)
  picture.append(svg('polyline', { points: points.join(' '), fill: 'none' }))
  return picture
}
