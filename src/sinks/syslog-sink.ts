/**
 * A sink that is a receiver of syslog over TLS. Syslog confirms nothing: that a receiver has taken a batch is known by its end
 * of the connection, which it closes when it has read to ours (RFC 5425 §4.4). So each batch has a connection of its own.
 */
import { once } from 'node:events'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { SinkConfig } from '../config/index.ts'
import { createOperatorLookup } from '../egress/index.ts'
import { trustedRoots } from '../sockets/index.ts'
import type { Sink, SinkContext } from './sink.ts'
import { syslogFrame } from './syslog-frame.ts'

export type SyslogConfig = Extract<SinkConfig, { readonly type: 'syslog' }>

export function createSyslogSink(config: SyslogConfig, { version }: SinkContext): Sink {
  const { host, port, clientCertificate, ca, facility } = config
  const source = { facility, host: hostname(), version }
  const lookup = createOperatorLookup()
  /** The session of the last connection, so that the next needs no whole handshake. */
  const last: { session: Buffer | undefined } = { session: undefined }

  async function send(bytes: Buffer, tcp: Socket): Promise<void> {
    const began = performance.now()
    await once(tcp, 'connect')
    const roundTripMs = performance.now() - began
    const tls = connectTls({
      ...{ socket: writingOnly(tcp), minVersion: 'TLSv1.2', ca: ca ?? [...trustedRoots()], host },
      // An address has no name that could be sent (RFC 6066 §3).
      ...(isIP(host) === 0 && { servername: host }),
      ...(clientCertificate !== undefined && { cert: clientCertificate.certificate, key: clientCertificate.key }),
      ...(last.session !== undefined && { session: last.session }),
    })
    tls.on('session', (session) => {
      last.session = session
    })
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => {})
    tls.on('error', failed.reject)
    tcp.on('error', failed.reject)
    tcp.once('close', () => failed.reject(new Error('has broken the connection off')))
    const ended = new Promise((resolve) => tcp.once('end', resolve))
    const isEarly = () => new Error('has closed the connection before it had everything')
    await Promise.race([once(tls, 'secureConnect'), failed.promise, ended.then(() => Promise.reject(isEarly()))])
    // What it says is of no matter; that it ends is.
    tls.resume()
    const sent = new Promise((resolve) => tls.end(bytes, () => resolve(true)))
    const isSent = await Promise.race([sent, failed.promise, ended.then(() => false)])
    if (isSent === false) throw isEarly()
    await Promise.race([ended, failed.promise])
    // One that has ended without reading everything answers with a reset, which only a write hears of behind the end.
    await Promise.race([sleep(2 * roundTripMs + graceMs, undefined, { ref: false }), failed.promise])
    await new Promise<void>((resolve, reject) => tcp.write(Buffer.of(0), (error) => (error == null ? resolve() : reject(error))))
  }

  return {
    async deliver(batch, signal) {
      const tcp = connectTcp({ host, port, lookup, allowHalfOpen: true })
      const give = () => tcp.destroy(new Error('did not take it in time'))
      signal.addEventListener('abort', give, { once: true })
      try {
        await send(Buffer.concat(batch.map((item) => syslogFrame(item, source))), tcp)
      } catch (error) {
        last.session = undefined
        throw new Error(`${host}:${port} ${(error as Error).message}`, { cause: error })
      } finally {
        signal.removeEventListener('abort', give)
        tcp.destroy()
      }
    },
    close: async () => {},
  }
}

/** Beyond two round trips: a receiver may be busy. */
const graceMs = 10

/** The connection as TLS writes it: its end is a `close_notify` alone, so that a reset is still heard of behind the receiver's end. */
function writingOnly(tcp: Socket): Duplex {
  const stream = new Duplex({
    read: () => void tcp.resume(),
    write: (chunk, _encoding, done) => void tcp.write(chunk, done),
    final: (done) => done(),
  })
  tcp.on('data', (chunk) => {
    if (!stream.push(chunk)) tcp.pause()
  })
  tcp.on('end', () => stream.push(null))
  return stream
}
