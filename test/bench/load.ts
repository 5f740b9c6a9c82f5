/** Load on a proxy: wrk where it is installed, else autocannon; both send absolute-form requests over kept connections. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import autocannon from 'autocannon'
import { endingWithUs } from '../support/children.ts'

const run = promisify(execFile)
const hasWrk = spawnSync('wrk', ['--version']).error === undefined

export const loadTool = hasWrk ? 'wrk' : 'autocannon'

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failures: number
}

export interface LoadOptions {
  readonly proxyPort: number
  /** Absolute URL of the origin. */
  readonly url: string
  readonly proxyAuthorization: string
  readonly connections: number
  readonly seconds: number
  /** Each request asks for a path that was never asked for: nothing can be remembered of it. */
  readonly newPaths?: boolean
}

export async function load(options: LoadOptions): Promise<LoadResult> {
  return hasWrk ? withWrk(options) : withAutocannon(options)
}

async function withWrk({ proxyPort, url, proxyAuthorization, connections, seconds, newPaths = false }: LoadOptions): Promise<LoadResult> {
  const script = join(mkdtempSync(join(tmpdir(), 'sallyport-bench-')), 'wrk.lua')
  writeFileSync(
    script,
    `wrk.path = "${url}"\nwrk.headers["Host"] = "${new URL(url).host}"\nwrk.headers["Proxy-Authorization"] = "${proxyAuthorization}"\n${newPaths ? `local n = 0\nrequest = function() n = n + 1; return wrk.format(nil, "${url}/" .. n) end\n` : ''}`,
  )
  const numbers = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency']
  const [program, ...words] = endingWithUs('wrk', ...numbers, '-s', script, `http://127.0.0.1:${proxyPort}`)
  const { stdout } = await run(program, words)
  const number = (form: RegExp) => Number(form.exec(stdout)?.[1] ?? 0)
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: duration(/50%\s+(\S+)/.exec(stdout)?.[1]),
    p99Ms: duration(/99%\s+(\S+)/.exec(stdout)?.[1]),
    failures: number(/Non-2xx or 3xx responses: (\d+)/) + number(/connect (\d+)/) + number(/read (\d+)/) + number(/timeout (\d+)/),
  }
}

function duration(text = '0ms'): number {
  const value = Number.parseFloat(text)
  return text.endsWith('us') ? value / 1000 : text.endsWith('ms') ? value : value * 1000
}

async function withAutocannon({ proxyPort, url, proxyAuthorization, connections, seconds }: LoadOptions): Promise<LoadResult> {
  const result = await autocannon({
    url: `http://127.0.0.1:${proxyPort}`,
    connections,
    duration: seconds,
    requests: [{ method: 'GET', path: url, headers: { host: new URL(url).host, 'proxy-authorization': proxyAuthorization } }],
  })
  return {
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: result.non2xx + result.errors,
  }
}
