/** A name server of tests, which counts what it is asked. */
import { createSocket } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface Resolver {
  readonly port: number
  readonly asked: string[]
}

/** A DNS server (RFC 1035) that answers every A question with `addresses`, once `until` has come, and knows no AAAA. */
export async function startResolver(
  t: TestContext,
  addresses: readonly string[],
  until: Promise<unknown> = Promise.resolve(),
): Promise<Resolver> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, from) => {
    let end = 12
    const labels: string[] = []
    while (query[end] !== 0) {
      const length = query[end] ?? 0
      labels.push(query.subarray(end + 1, end + 1 + length).toString())
      end += length + 1
    }
    const isA = query.readUInt16BE(end + 1) === 1
    asked.push(labels.join('.'))
    const answers = isA ? addresses : []
    const head = Buffer.from(query.subarray(0, end + 5))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(answers.length, 6)
    head.writeUInt16BE(0, 8)
    head.writeUInt16BE(0, 10)
    const records = answers.map((address) => Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]))
    void until.then(() => socket.send(Buffer.concat([head, ...records]), from.port, from.address))
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.after(() => void socket.close())
  return { port: (socket.address() as AddressInfo).port, asked }
}
