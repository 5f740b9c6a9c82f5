/** An integration at its worst, for one thing that it shares with others: it holds all that it gets, and tries again for what it is refused. */
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { insideTunnel } from './inside-tunnel.ts'

export const greeds = [
  'nothing',
  'service',
  'origin',
  'connections',
  'lookups',
  'bodies',
  'files',
  'flood',
  'descriptors',
  'leaves',
  'records',
] as const
export type Greed = (typeof greeds)[number]

export interface GreedyOptions {
  readonly greed: Greed
  readonly proxyPort: number
  readonly originPort: number
  readonly originTlsPort: number
  readonly proxyAuthorization: string
}

/** Between two tries for the same thing, as `Retry-After` says. What tries cost the processor is what `flood` measures. */
const pauseMs = 1000

const { greed, proxyPort, originPort, originTlsPort, proxyAuthorization } = JSON.parse(process.argv[2] ?? '{}') as GreedyOptions
const headers = { host: 'localhost', 'proxy-authorization': proxyAuthorization }
const origin = `http://127.0.0.1:${originPort}`

/** A request that is made again whenever it ends; `bytes` of a body that is declared and never comes. */
async function hold(path: string, bytes = 0): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => {
      const sent = request({ port: proxyPort, path, headers, agent: false, ...(bytes > 0 && { method: 'POST' }) })
      if (bytes > 0) sent.setHeader('content-length', bytes).setHeader('content-type', 'application/json')
      sent.on('response', (res) => void res.resume().on('close', resolve))
      sent.on('error', () => {}).on('close', resolve)
      if (bytes > 0) sent.write('"')
      else sent.end()
    })
    await sleep(pauseMs)
  }
}

/** A connection that is made again whenever it ends. */
async function keep(first: string): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => {
      const socket: Socket = connect(proxyPort, '127.0.0.1', () => socket.write(first))
      socket.resume().on('error', () => {})
      socket.on('close', () => resolve())
    })
    await sleep(pauseMs)
  }
}

function times(count: number, begin: (index: number) => Promise<void>): void {
  for (let index = 0; index < count; index += 1) void begin(index)
}

const get = (target: string) =>
  `GET ${target} HTTP/1.1\r\nHost: ${new URL(target).host}\r\nProxy-Authorization: ${proxyAuthorization}\r\n\r\n`

/** A file that is written again whenever it was: each turn at the disk waits for the device. */
async function rewrite(index: number): Promise<void> {
  const body = Buffer.alloc(1024 * 1024, 'x')
  for (;;) {
    await new Promise<void>((resolve) => {
      request({ port: proxyPort, path: `/v1/files/data/greedy-${index}`, method: 'PUT', headers, agent: false })
        .on('response', (res) => void res.resume())
        .on('error', () => {})
        .on('close', resolve)
        .end(body)
    })
    await sleep(pauseMs)
  }
}

/** A request that follows upon the answer to the one before, without a pause. */
async function flood(query = ''): Promise<void> {
  const socket = connect(proxyPort, '127.0.0.1')
  for (;;) {
    socket.write(get(`${origin}/v1/items${query}`))
    await new Promise((resolve) => socket.once('data', resolve))
  }
}

/** A certificate for a name that nobody asked for before, again and again. */
async function mint(index: number): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    await insideTunnel({ proxyPort, proxyAuthorization, authority: `${turn}.${index}.${process.pid}.fast.test:${originTlsPort}` })
      .then((socket) => void socket.destroy())
      .catch(() => sleep(pauseMs))
  }
}

const begin: Readonly<Record<Greed, () => void>> = {
  nothing: () => void setInterval(() => {}, 1000),
  service: () => times(300, () => hold('/services/shared/hang')),
  origin: () => times(300, () => hold(`${origin}/hang`)),
  connections() {
    times(2100, () => keep(get(`${origin}/v1/items`)))
    times(2100, () => keep(''))
  },
  lookups: () => times(300, (index) => hold(`http://${index}.${process.pid}.slow.test:${originPort}/`)),
  bodies: () => times(170, () => hold(`${origin}/v1/items`, 1024 * 1024)),
  files: () => times(32, rewrite),
  flood: () => times(32, () => flood()),
  descriptors: () => times(300, (index) => hold(`http://${index % 20}.fast.test:${originPort}/hang`)),
  leaves: () => times(32, mint),
  records: () => times(32, () => flood(`?${'key=value&'.repeat(1000)}`)),
}

begin[greed]()
