/** What a person waits for on the dashboard: its first paint, and the longest frame of Live while decisions come as fast as the gateway makes them. */
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLoopbackDashboard } from '../../src/dashboard/index.ts'
import { noBrowser, openBrowser, visit } from '../support/dashboard.ts'
import { load } from './load.ts'
import { median, start, untilListening } from './process.ts'

const ports = { origin: 19_580, proxy: 19_528, health: 19_582 }
const command = join(import.meta.dirname, '../../bin/sallyport.js')
const proxyAuthorization = `Basic ${Buffer.from('bench:bench-token').toString('base64')}`
const paints = 5

export interface DashboardTimes {
  readonly firstPaintMs: number
  readonly live: {
    /** As many decisions. */
    readonly requestsPerSecond: number
    readonly longestFrameMs: number
    readonly longestTaskMs: number
    /** What the page says of what it leaves out. */
    readonly said: string
  }
}

function writeFiles(folder: string): string {
  mkdirSync(join(folder, 'integrations'))
  const file = join(folder, 'sallyport.yaml')
  writeFileSync(
    file,
    `apiVersion: sallyport/v1\nkind: Gateway\nlisteners: [{ name: proxy, address: "127.0.0.1:${ports.proxy}" }]\nadmin: { health: "127.0.0.1:${ports.health}" }\nlog: { level: error }\n`,
  )
  writeFileSync(
    join(folder, 'integrations/bench.yaml'),
    `apiVersion: sallyport/v1\nkind: Integration\nname: bench\nowner: bench\nidentity: { tokens: [{ sha256: ${hash('sha256', 'bench-token')} }] }
network: [{ hosts: [127.0.0.1], ports: [${ports.origin}], tls: none, methods: [GET], paths: [/v1/**], addresses: [127.0.0.0/8] }]
limits: { arrivals: { rate: 1000000/s }, requests: { rate: 1000000/s }, bytesIn: { rate: 100GB/s }, bytesOut: { rate: 100GB/s }, concurrency: 10000 }\n`,
  )
  return file
}

/** In the page: the longest time between two frames, and the longest task. */
const observe = `
  globalThis.longest = { frame: 0, task: 0 }
  let before = performance.now()
  const frame = () => {
    const now = performance.now()
    longest.frame = Math.max(longest.frame, now - before)
    before = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest.task = Math.max(longest.task, duration)
  }).observe({ type: 'longtask' })`

/** `null`: there is no browser. */
export async function measureDashboard(seconds: number): Promise<DashboardTimes | null> {
  if (noBrowser !== null) return null
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-dashboard-'))
  const upstream = start(join(import.meta.dirname, 'upstream.ts'), [String(ports.origin)])
  const gateway = start(command, ['run', '--config', writeFiles(folder)])
  const browser = await openBrowser()
  try {
    await Promise.all([ports.origin, ports.proxy].map(untilListening))
    const open = async () => {
      const served = await createLoopbackDashboard({ socketPath: join(folder, 'state/admin.sock'), operator: 'bench' }, 0)
      return { served, visitor: await visit(browser, served.url) }
    }
    const firstPaints: number[] = []
    for (let round = 0; round < paints; round += 1) {
      const { served, visitor } = await open()
      await visitor.page.getByRole('heading', { name: 'Overview' }).waitFor()
      firstPaints.push(await visitor.page.evaluate<number>('performance.getEntriesByName("first-contentful-paint")[0].startTime'))
      await visitor.close()
      await served.close()
    }
    const { served, visitor } = await open()
    await visitor.page.getByRole('heading', { name: 'Overview' }).waitFor()
    await visitor.go('live', 'following')
    await visitor.page.evaluate(observe)
    const { requestsPerSecond } = await load({
      ...{ proxyPort: ports.proxy, url: `http://127.0.0.1:${ports.origin}/v1/items`, proxyAuthorization, connections: 32, seconds },
    })
    const said = await visitor.page.locator('.title-row').innerText()
    const longest = await visitor.page.evaluate<{ readonly frame: number; readonly task: number }>('longest')
    await visitor.close()
    await served.close()
    return {
      firstPaintMs: median(firstPaints),
      live: { requestsPerSecond, longestFrameMs: longest.frame, longestTaskMs: longest.task, said: said.replace(/\s+/g, ' ') },
    }
  } finally {
    await browser.close()
    await Promise.all([gateway.stop(), upstream.stop()])
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

export function describeDashboard(times: DashboardTimes | null): readonly string[] {
  if (times === null) return ['  dashboard: there is no Chromium here']
  const { firstPaintMs, live } = times
  return [
    `  dashboard: first paint ${firstPaintMs.toFixed(0)} ms (wanted: 1,000 at most); Live at ${live.requestsPerSecond.toFixed(0)} decisions/s: longest frame ${live.longestFrameMs.toFixed(0)} ms, longest task ${live.longestTaskMs.toFixed(0)} ms (wanted: 200 at most); it says “${live.said}”`,
  ]
}
