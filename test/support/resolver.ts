/** Name servers of tests (RFC 1035, UDP and TCP), which count what they are asked. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer } from './sockets.ts'

export interface Resolver {
  readonly port: number
  /** Names, one for each question. */
  readonly asked: string[]
  /** Questions over TCP among them. */
  tcpQuestions(): number
}

/**
 * Addresses of the type that is asked for, with a time to live of 0 or of so many seconds; no such name; a failure; no answer at all; or
 * only over TCP, since UDP says that it is truncated.
 */
export type DnsAnswer =
  | readonly string[]
  | { readonly addresses: readonly string[]; readonly ttl: number }
  | { readonly overTcp: readonly string[] }
  | 'nxdomain'
  | 'servfail'
  | 'silence'
export type Zone = (name: string, type: 'A' | 'AAAA') => DnsAnswer | Promise<DnsAnswer>

interface NameServerOptions {
  readonly host?: string
  readonly port?: number
}

/** Closed when the test ends. */
export async function startNameServer(
  t: TestContext,
  zone: Zone,
  { host = '127.0.0.1', port = 0 }: NameServerOptions = {},
): Promise<Resolver> {
  const asked: string[] = []
  const connections = new Set<Socket>()
  let overTcp = 0
  const tcp = createServer((socket) => {
    connections.add(socket)
    socket.on('error', () => socket.destroy())
    let pending: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      // RFC 7766 §6.2.1.1: several questions may come at once.
      while (pending.byteLength >= 2 && pending.byteLength >= 2 + pending.readUInt16BE()) {
        const query = pending.subarray(2, 2 + pending.readUInt16BE())
        pending = pending.subarray(2 + query.byteLength)
        overTcp += 1
        void reply(query, zone, asked, true).then((bytes) => {
          if (bytes === null) return
          const length = Buffer.alloc(2)
          length.writeUInt16BE(bytes.byteLength)
          socket.write(Buffer.concat([length, bytes]))
        })
      }
    })
  })
  const udp = await bindBoth(tcp, host, port)
  udp.on('message', (query, from) => {
    void reply(query, zone, asked, false).then((bytes) => {
      if (bytes !== null) udp.send(bytes, from.port, from.address, () => {})
    })
  })
  t.after(() => {
    udp.close()
    for (const socket of connections) socket.destroy()
    tcp.close()
  })
  return { port: (tcp.address() as AddressInfo).port, asked, tcpQuestions: () => overTcp }
}

/** One port for both; what is free for TCP may be taken for UDP, and then another one is looked for. */
async function bindBoth(tcp: Server, host: string, port: number): Promise<UdpSocket> {
  for (;;) {
    await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(port, host, resolve))
    const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const bound = await new Promise<boolean>((resolve) => {
      udp.once('error', () => resolve(false))
      udp.bind((tcp.address() as AddressInfo).port, host, () => resolve(true))
    })
    if (bound) return udp
    udp.close()
    await new Promise((resolve) => tcp.close(resolve))
    if (port !== 0) throw new Error(`UDP port ${port} of ${host} is taken`)
  }
}

/** Answers every A question with `addresses`, once `until` has come, and knows no AAAA. */
export function startResolver(
  t: TestContext,
  addresses: readonly string[],
  until: Promise<unknown> = Promise.resolve(),
): Promise<Resolver> {
  return startNameServer(t, async (_name, type) => {
    await until
    return type === 'A' ? addresses : []
  })
}

const typeA = 1
const typeAaaa = 28

async function reply(query: Buffer, zone: Zone, asked: string[], isTcp: boolean): Promise<Buffer | null> {
  let end = 12
  const labels: string[] = []
  while (query[end] !== 0) {
    const length = query[end] ?? 0
    labels.push(query.subarray(end + 1, end + 1 + length).toString())
    end += length + 1
  }
  const type = query.readUInt16BE(end + 1)
  // c-ares varies the case of what it asks (0x20); the question goes back as it came.
  const name = labels.join('.').toLowerCase()
  asked.push(name)
  const answer = type === typeA || type === typeAaaa ? await zone(name, type === typeA ? 'A' : 'AAAA') : []
  if (answer === 'silence') return null
  const truncated = typeof answer === 'object' && 'overTcp' in answer && !isTcp
  const addresses = truncated ? [] : addressesIn(answer)
  const head = Buffer.from(query.subarray(0, end + 5))
  head.writeUInt16BE(0x8180 | (truncated ? 0x0200 : 0) | (rcodes[String(answer)] ?? 0), 2)
  head.writeUInt16BE(addresses.length, 6)
  head.writeUInt16BE(0, 8)
  head.writeUInt16BE(0, 10)
  const ttl = Buffer.alloc(4)
  ttl.writeUInt32BE(typeof answer === 'object' && 'ttl' in answer ? answer.ttl : 0)
  const records = addresses.map((address) => {
    const data = address.includes(':') ? bytesOfV6(address) : Buffer.from(address.split('.').map(Number))
    return Buffer.concat([Buffer.from([0xc0, 0x0c, 0, type, 0, 1]), ttl, Buffer.from([0, data.byteLength]), data])
  })
  return Buffer.concat([head, ...records])
}

const rcodes: Readonly<Record<string, number>> = { servfail: 2, nxdomain: 3 }

function addressesIn(answer: DnsAnswer): readonly string[] {
  if (typeof answer === 'string') return []
  if ('overTcp' in answer) return answer.overTcp
  return 'addresses' in answer ? answer.addresses : answer
}

function bytesOfV6(address: string): Buffer {
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill('0')
  const bytes = Buffer.alloc(16)
  for (const [i, group] of [...groups(head), ...zeros, ...groups(tail)].entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i)
  return bytes
}
