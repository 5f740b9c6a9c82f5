/** What was judged and what an origin saw, of the same requests: nothing that passes may differ. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { readRecords } from '../../src/records/index.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation, type Installation, manifest, proxyHeader, startChild } from '../support/installation.ts'
import { opening, watchSession } from '../support/raw-http2.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { openInside } from '../support/tunnel.ts'
import { compare, type Judged } from './compare.ts'
import { createGenerate, type Door, type Generated, type Place } from './generate.ts'
import { type Origin, type Seen, startOrigins } from './origins.ts'
import type { Fields } from './spellings.ts'

export interface DifferentialOptions {
  readonly seed: number
  readonly requests: number
}

const atOnce = 24
/** On one connection: of HTTP/1.1 one after the other, of HTTP/2 side by side. */
const perConnection = 6
/** Hosts of one origin: of the second, rules look at the body, which is then read whole. */
const hosts = ['stream.differential.localhost', 'read.differential.localhost']
const auth: Fields = [['Proxy-Authorization', proxyHeader('weather')]]

/** Tells by reasons of the audit log what it was given; in pieces that a record takes, and in hexadecimal digits, which nothing masks. */
const telling = rego`
  package sallyport.rules

  allow contains sprintf("%d:%s", [piece, text]) if {
    input.request.kind == "http"
    told := hex.encode(json.marshal(head))
    some piece in numbers.range(0, 23)
    text := substring(told, piece * 480, 480)
    text != ""
  }

  allow contains sprintf("body:%d:%s", [piece, text]) if {
    input.http.host == "read.differential.localhost"
    told := hex.encode(json.marshal(input.http.body))
    some piece in numbers.range(0, 7)
    text := substring(told, piece * 480, 480)
    text != ""
  }

  head := {
    "method": input.http.method,
    "scheme": input.http.scheme,
    "host": input.http.host,
    "port": input.http.port,
    "path": input.http.path,
    "query": input.http.query,
    "headers": input.http.headers,
  }

  obligations contains {"addresses": ["127.0.0.0/8", "::1/128"]} if input.request.kind == "http"
`

/** Throws with what differs; answers with figures. */
export async function differential(t: TestContext, { seed, requests }: DifferentialOptions): Promise<string> {
  const installation = createInstallation(t, {
    config: 'http: { originCa: ./origin-ca.crt, idleTimeout: 3s, originTimeout: 5s, headersTimeout: 3s }\npolicy: { rules: ./rules }',
  })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write('rules/tell.rego', telling)
  const origins = await startOrigins(installation.folder, await createOriginCertificate(installation.folder, '*.differential.localhost'))
  t.after(() => origins.close())
  const secure = origins.all.filter(({ scheme }) => scheme === 'https')
  const plenty = '{ rate: 1000000/s, burst: 1000000 }'
  installation.write(
    'integrations/weather.yaml',
    manifest(
      'weather',
      // A CONNECT is for what its rules allow inside. Breakers stay closed: some origins fail on what they are asked.
      `network: [{ hosts: ${JSON.stringify(hosts)}, ports: [${secure.map(({ port }) => port)}], tls: intercept, paths: [/never-asked], encodedSlash: literal, emptySegments: literal, addresses: [127.0.0.0/8, "::1/128"] }]
limits: { arrivals: ${plenty}, requests: ${plenty}, bytesIn: { rate: 10GB/s }, bytesOut: { rate: 10GB/s }, concurrency: 10000 }
breaker: { minimumRequests: 1000000 }`,
    ),
  )
  const { proxyPort, stderr } = await startChild(t, installation)
  const generate = createGenerate(seed)
  const sent = new Map<string, Generated & { readonly door: Door; readonly to: Origin }>()
  let left = requests
  let turn = 0
  const next = (door: Door, to: Origin, place: Place): Generated => {
    left -= 1
    const one = generate(door, place, door.startsWith('proxy') ? auth : [])
    sent.set(one.id, { ...one, door, to })
    return one
  }
  const work = async () => {
    while (left > 0) {
      turn += 1
      const to = origins.all[turn % origins.all.length] as Origin
      const place = { host: hosts[Math.floor(turn / 2) % 2] as string, port: to.port, scheme: to.scheme }
      // A connection of HTTP/1.1 ends with its first refusal: for as many requests it takes more of them.
      if (to.scheme === 'http' && turn % 10 === 0)
        await overStreams(connect(proxyPort, '127.0.0.1'), () => next('proxy over HTTP/2', to, place))
      else if (to.scheme === 'http') await overOne(connect(proxyPort, '127.0.0.1'), () => next('proxy', to, place))
      else if (turn % 6 > 0) await overOne(await inside(installation, proxyPort, place, 'http/1.1'), () => next('inside', to, place))
      else await overStreams(await inside(installation, proxyPort, place, 'h2'), () => next('inside over HTTP/2', to, place))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const judged = await eventually('all is settled', () => readJudged(join(installation.folder, 'state/audit')))
  const faults = compare({ judged, seen: origins.seen, sent, servers: origins.all })
  assert.equal(judged.filter(({ problem }) => problem === 'internal').length, 0, stderr().slice(-2000))
  assert.equal(faults.length, 0, `${faults.length} requests differ; seed ${seed}\n${faults.slice(0, 5).join('\n')}`)
  const count = (of: (one: Seen) => string | undefined) => {
    const found = Object.entries(Object.groupBy(origins.seen, (one) => of(one) ?? 'none'))
    return found.map(([what, all = []]) => `${what} ${all.length}`).join(', ')
  }
  const servers = count(({ server, version }) => `${server} over HTTP/${version}`)
  const doors = count(({ headers }) => sent.get(headers.find(([name]) => name.toLowerCase() === 'x-case')?.[1] ?? '')?.door)
  return `${requests} requests, ${judged.length} allowed, ${origins.seen.length} seen by origins (${servers}; ${doors}), none of which differs; seed ${seed}`
}

function inside(installation: Installation, proxyPort: number, { host, port }: Place, version: 'http/1.1' | 'h2'): Promise<Socket> {
  return openInside(installation, { proxyPort, host, port, servername: host, tls: { ALPNProtocols: [version] } })
}

/** One request after the other, until one ends the connection. */
async function overOne(socket: Socket, next: () => Generated): Promise<void> {
  const answers = createAnswers(socket)
  for (let i = 0; i < perConnection && !answers.isOver(); i += 1) {
    const { bytes } = next()
    const answered = answers.next()
    socket.write(bytes(0))
    await answered
  }
  socket.destroy()
}

/** A request that waits for the rest of itself is left so. */
const patienceMs = 150

/** Finds where replies end: those of the gateway and of the origins here have a length or chunks that are theirs, and nothing else is looked for. */
function createAnswers(socket: Socket): { next(): Promise<void>; isOver(): boolean } {
  let isOver = false
  let resolve = () => {}
  const over = () => {
    isOver = true
    resolve()
  }
  socket.on('error', over).on('close', over).on('end', over)
  socket.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1')
    if (!/^HTTP\/1\.1 1\d\d /.test(text) || text.includes('\r\n\r\nHTTP/1.1 ')) resolve()
  })
  return {
    isOver: () => isOver,
    next: () =>
      new Promise<void>((done) => {
        if (isOver) return done()
        const timer = setTimeout(over, patienceMs)
        resolve = () => {
          clearTimeout(timer)
          done()
        }
      }),
  }
}

async function overStreams(socket: Socket, next: () => Generated): Promise<void> {
  const session = watchSession(socket)
  socket.write(opening)
  const ends: Promise<void>[] = []
  for (let streamId = 1; streamId < 2 * perConnection && !session.isOver; streamId += 2) {
    const ended = session.ended(streamId)
    socket.write(next().bytes(streamId))
    ends.push(Promise.race([ended, patience()]))
    if (streamId % 4 === 3) await Promise.all(ends)
  }
  await Promise.all(ends)
  socket.destroy()
}

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20 * patienceMs).unref())
}

/** Every allowed request with its end; `null` while one has none. */
async function readJudged(folder: string): Promise<readonly Judged[] | null> {
  const open = new Map<string, Omit<Judged, 'status' | 'sentBytes' | 'problem'>>()
  const judged: Judged[] = []
  for await (const records of readRecords(folder))
    for (const { text } of records) {
      const record = JSON.parse(text)
      if (record.type === 'decided' && record.kind === 'http' && record.allow)
        open.set(record.id, {
          id: record.id,
          door: record.door,
          subject: record.subject,
          head: told(record.reasons, ''),
          body: told(record.reasons, 'body:'),
        })
      const found = record.type === 'settled' ? open.get(record.id) : undefined
      if (found === undefined) continue
      open.delete(record.id)
      judged.push({ ...found, status: record.status, sentBytes: record.sentBytes, problem: record.problem ?? null })
    }
  return open.size === 0 ? judged : null
}

/** The document that these pieces make together; `null` where there are none. */
function told(reasons: readonly string[] = [], kind: '' | 'body:'): never {
  const pieces = reasons
    .filter((one) => one.startsWith('body:') === (kind !== ''))
    .map((one) => one.slice(kind.length).split(':') as [string, string])
    .sort(([a], [b]) => Number(a) - Number(b))
  const text = Buffer.from(pieces.map(([, hex]) => hex).join(''), 'hex').toString()
  return (text === '' ? null : JSON.parse(text)) as never
}
