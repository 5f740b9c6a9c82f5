/** A Node HTTP agent whose connections come from the judged dialer. */
import { Agent, type AgentOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dialer } from '../egress/dial.ts'
import type { Target } from '../egress/resolve.ts'

export class DialAgent extends Agent {
  readonly #dial: () => Promise<Duplex>
  /** Node compares it with the request's scheme; its types leave it out. */
  readonly protocol: string

  constructor(dialer: Dialer, secure: boolean, target: Target, options: AgentOptions) {
    super(options)
    this.protocol = secure ? 'https:' : 'http:'
    this.#dial = () => (secure ? dialer.tls(target) : dialer.tcp(target))
  }

  override createConnection(_options: unknown, done?: (error: Error | null, socket: Duplex) => void): undefined {
    this.#dial().then(
      (socket) => done?.(null, socket),
      (error: Error) => done?.(error, undefined as never),
    )
  }
}
