/** Hostile requests against a gateway in a process of its own: it lives, every arrival settles, and nothing is left of them. */
import assert from 'node:assert/strict'
import { createReadStream, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { askGateway } from '../../src/cli/admin-client.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { countDescriptors, describeDescriptors } from '../support/descriptors.ts'
import { eventually } from '../support/eventually.ts'
import {
  type Child,
  createInstallation,
  exchangeRaw,
  type Installation,
  manifest,
  proxyHeader,
  startChild,
} from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { exchangeInside, openInside } from '../support/tunnel.ts'
import { createGenerate, createRandom, type Sent } from './generate.ts'
import { startOrigins } from './origins.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly requests: number
}

const atOnce = 128
const maxPolicyBody = 1024
const maxRequest = 4096
const auth = `Proxy-Authorization: ${proxyHeader('weather')}\r\n`
/** Of memory, beside what the first half of the run took. */
const maxGrowthMiB = 96

/** Throws with the seed and the last request's bytes where the gateway does not do what it must. */
export async function fuzz(t: TestContext, { seed, requests }: FuzzOptions): Promise<string> {
  const installation = createInstallation(t, {
    config: `http: { originCa: ./origin-ca.crt, maxPolicyBody: ${maxPolicyBody}B, maxRequest: ${maxRequest}B, idleTimeout: 1s, originTimeout: 1s, connectTimeout: 1s, headersTimeout: 2s, keepAlive: 1s, lingerTimeout: 600ms }\nservices: [{ name: named, url: "http://localhost:PORT", timeout: 1s }]\npolicy: { rules: ./rules }`,
  })
  const origins = await startOrigins(await createOriginCertificate(installation.folder, 'localhost'))
  t.after(() => origins.close())
  write(installation, origins.plainPort, origins.tlsPort)
  const gateway = await startChild(t, installation)
  const pid = gateway.process.pid as number
  const random = createRandom(seed)
  const generate = createGenerate(
    { auth, originPort: origins.plainPort, tlsPort: origins.tlsPort, limits: [maxPolicyBody, maxRequest] },
    random,
  )
  await requireAlive(installation, gateway, origins)
  const before = countDescriptors(pid)

  let left = requests
  let warmMiB = 0
  const last: Sent[] = []
  const work = async () => {
    while (left > 0 && gateway.process.exitCode === null) {
      left -= 1
      const sent = generate()
      last.push(sent)
      if (last.length > atOnce) last.shift()
      await send(installation, gateway, origins.tlsPort, sent)
      if (left === Math.floor(requests / 2)) warmMiB = rssMiB(pid)
    }
  }
  const told = () =>
    `seed ${seed}; the last ones: ${last
      .slice(-atOnce)
      .map(({ door, bytes, cutAt, end }) => JSON.stringify([door, end, cutAt, bytes.toString('latin1').slice(0, 400)]))
      .join('\n')}\n${gateway.stderr().slice(-2000)}`
  await Promise.all(Array.from({ length: atOnce }, work))
  assert.equal(gateway.process.exitCode, null, `the gateway ended; ${told()}`)
  await requireAlive(installation, gateway, origins)

  // Nothing is left: no lease, no connection, no arrival without its end.
  await eventually(`every slot is free again (${seed})`, async () => {
    const { body } = await askGateway(join(installation.folder, 'state/admin.sock'), 'GET', '/v1/usage')
    const found = JSON.stringify(body).match(/"bucket":"concurrency"[^}]*/)?.[0] ?? ''
    const [, capacity, level] = /"capacity":(\d+).*"level":(\d+)/.exec(found) ?? []
    return capacity !== undefined && capacity === level
  })
  await eventually(`as many descriptors as before (${seed})`, () => countDescriptors(pid) <= before + 4).catch((error) => {
    throw new Error(`${before} descriptors before, and now, with ports ${JSON.stringify(origins)}:\n${describeDescriptors(pid)}`, {
      cause: error,
    })
  })
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.healthPort}/metrics`)).text()
  assert.match(metrics, /^sallyport_internal_errors_total 0$/m, told())
  const grownMiB = rssMiB(pid) - warmMiB
  gateway.process.kill('SIGTERM')
  assert.deepEqual(await gateway.exited(), { code: 0, signal: null }, told())
  const { arrivals, unsettled } = await pairs(join(installation.folder, 'state/audit'))
  assert.deepEqual(unsettled, [], told())
  assert.ok(grownMiB < maxGrowthMiB, `memory grew by ${grownMiB.toFixed(0)} MiB; seed ${seed}`)
  return `${requests} requests, ${arrivals} arrivals, each settled once; memory ${grownMiB.toFixed(0)} MiB beside the first half's; seed ${seed}`
}

function write(installation: Installation, originPort: number, tlsPort: number): void {
  installation.write('sallyport.yaml', installation.read('sallyport.yaml').replace('PORT', String(originPort)))
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/bodies.rego',
    rego`
      package sallyport.rules

      deny contains "no" if {
        input.http.host == "ruled.localhost"
        input.http.body.value.no == true
      }
    `,
  )
  mkdirSync(join(installation.folder, 'data'))
  const to = 'addresses: [127.0.0.0/8, "::1/128"]'
  const plenty = '{ rate: 1000000/s, burst: 1000000 }'
  // No breaker opens: its origins fail on purpose, and what it refuses reaches none of them.
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      `network:
  - { hosts: [localhost, ruled.localhost], ports: [${originPort}], tls: none, ${to} }
  - { hosts: [127.0.0.1], ports: [${originPort}], tls: tunnel, ${to} }
  - { hosts: [localhost], ports: [${tlsPort}], tls: intercept, ${to} }
services: [{ name: named, websocket: true }]
files: [{ name: data, root: ${join(installation.folder, 'data')}, actions: [read, write, list, stat] }]
limits: { arrivals: ${plenty}, requests: ${plenty}, bytesIn: { rate: 10GB/s }, bytesOut: { rate: 10GB/s }, concurrency: 10000 }
breaker: { minimumRequests: 1000000 }`,
    ),
  )
}

async function requireAlive(
  installation: Installation,
  { proxyPort }: Child,
  { plainPort, tlsPort }: { plainPort: number; tlsPort: number },
): Promise<void> {
  const host = `localhost:${plainPort}`
  const plain = await exchangeRaw(proxyPort, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${auth}Connection: close\r\n\r\n`)
  assert.match(plain, /^HTTP\/1\.1 200 .*hello$/s)
  const inside = `GET / HTTP/1.1\r\nHost: localhost:${tlsPort}\r\nConnection: close\r\n\r\n`
  assert.match(await exchangeInside(installation, { proxyPort, port: tlsPort }, inside), /^HTTP\/1\.1 200 .*hello$/s)
}

/** Resolves once the connection has closed, or its caller has had enough. */
async function send(installation: Installation, { proxyPort }: Child, tlsPort: number, { door, bytes, cutAt, end }: Sent): Promise<void> {
  const socket =
    door === 'intercept'
      ? await openInside(installation, { proxyPort, port: tlsPort }).catch(() => null)
      : connect({ port: proxyPort, host: '127.0.0.1' })
  if (socket === null) return
  await new Promise<void>((resolve) => {
    // Most are answered at once; what is not is left as a caller leaves.
    const patience = setTimeout(leave, end === 'wait' ? 60 : 15)
    function leave(): void {
      if (end === 'reset') below(socket as Socket).resetAndDestroy()
      else socket?.destroy()
    }
    socket.on('error', () => {}).on('data', () => end !== 'wait' && leave())
    socket.once('close', () => {
      clearTimeout(patience)
      resolve()
    })
    socket.write(cutAt === null ? bytes : bytes.subarray(0, cutAt), () => {
      if (cutAt === null) return
      if (end === 'fin') socket.end()
      else if (end === 'reset') leave()
    })
  })
}

/** A reset is sent by the connection below a TLS one. */
function below(socket: Socket): Socket {
  return (socket as unknown as { _parent?: Socket })._parent ?? socket
}

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

/** Every arrival has one beginning and one end in the log. */
async function pairs(folder: string): Promise<{ arrivals: number; unsettled: string[] }> {
  const open = new Map<string, { balance: number; line: string }>()
  let arrivals = 0
  for (const name of readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()) {
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) {
      const { type, id } = JSON.parse(line) as { type: string; id: string }
      if (type === 'decided' || type === 'refused') {
        arrivals += 1
        open.set(id, { balance: (open.get(id)?.balance ?? 0) + 1, line })
      } else if (type === 'settled') {
        const balance = (open.get(id)?.balance ?? 0) - 1
        if (balance === 0) open.delete(id)
        else open.set(id, { balance, line })
      }
    }
  }
  return { arrivals, unsettled: [...open.values()].map(({ balance, line }) => `${balance}: ${line}`).slice(0, 20) }
}
