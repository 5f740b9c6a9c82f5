/** The end of `npm run bench:policy`: a change of one manifest among a thousand, as the caller of a running gateway feels it. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endingWithUs } from '../support/children.ts'
import { main, manifest, proxyHeader } from '../support/installation.ts'

const count = Number(process.env['BENCH_INTEGRATIONS'] ?? 1000)
const rounds = 8

const origin = createServer((_req, res) => void res.end('hello'))
await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
const originPort = (origin.address() as AddressInfo).port

const folder = mkdtempSync(join(tmpdir(), 'sallyport-reload-'))
mkdirSync(join(folder, 'integrations'))
writeFileSync(
  join(folder, 'sallyport.yaml'),
  'apiVersion: sallyport/v1\nkind: Gateway\nadmin: { health: "127.0.0.1:0" }\nlisteners: [{ name: proxy, address: "127.0.0.1:0" }]\nlimits: { arrivals: { rate: 100000/s, burst: 100000 }, requests: { rate: 100000/s, burst: 100000 } }\n',
)
const write = (index: number, allowed: string) =>
  writeFileSync(
    join(folder, `integrations/i${index}.yaml`),
    manifest(
      `i${index}`,
      `network:\n  - { hosts: [localhost], ports: [${originPort}], tls: none, paths: ["${allowed}/**"], addresses: [127.0.0.0/8, "::1/128"] }\n${Array.from({ length: 19 }, (_, n) => `  - { hosts: [api${n}.example.com], methods: [GET, POST], paths: ["/v1/items${n}/**", "/v2/*/things${n}"], tls: intercept }`).join('\n')}`,
    ),
  )
for (let index = 0; index < count; index += 1) write(index, '/first')

const [program, ...words] = endingWithUs(process.execPath, '--no-warnings', main, 'run', '--config', join(folder, 'sallyport.yaml'))
const gateway = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] })
const port = await new Promise<number>((resolve) => {
  let text = ''
  gateway.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    for (const line of text.split('\n'))
      if (line.includes('"msg":"ready"'))
        resolve((JSON.parse(line) as { listeners: { address: { port: number } }[] }).listeners[0]?.address.port ?? 0)
  })
})

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
function ask(path: string, name = 'i3'): Promise<{ status: number; ms: number }> {
  const from = performance.now()
  return new Promise((resolve, reject) => {
    const headers = { host: `localhost:${originPort}`, 'proxy-authorization': proxyHeader(name) }
    request({ agent, port, host: '127.0.0.1', path: `http://localhost:${originPort}${path}`, headers }, (res) => {
      res.resume()
      res.on('end', () => resolve({ status: res.statusCode ?? 0, ms: performance.now() - from }))
    })
      .on('error', reject)
      .end()
  })
}

/** The longest of the requests sent one after the other until `done`, or for as long. */
async function longest(until: (asked: { status: number }) => boolean, path: string): Promise<{ ms: number; tookMs: number }> {
  const from = performance.now()
  let ms = 0
  for (;;) {
    const asked = await ask(path)
    ms = Math.max(ms, asked.ms)
    if (until(asked)) return { ms, tookMs: performance.now() - from }
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
for (let warm = 0; warm < 2000; warm += 1) await ask('/first/a')
const quiet: number[] = []
const during: number[] = []
const activation: number[] = []
for (let round = 0; round < rounds; round += 1) {
  const path = round % 2 === 0 ? '/second' : '/first'
  write(3, path)
  const changed = await longest(({ status }) => status === 200, `${path}/a`)
  during.push(changed.ms)
  activation.push(changed.tookMs)
  // As long again, with nothing to reload.
  await sleep(1500)
  const end = performance.now() + changed.tookMs
  quiet.push((await longest(() => performance.now() > end, `${path}/a`)).ms)
}
gateway.kill('SIGTERM')
origin.close()
rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
const told = (values: readonly number[]) => `${median(values).toFixed(1)} (most ${Math.max(...values).toFixed(1)})`
console.log(
  `${count} integrations: a changed manifest decides after ${told(activation)} ms; the slowest request meanwhile took ${told(during)} ms, without a reload ${told(quiet)} ms`,
)
process.exit(0)
