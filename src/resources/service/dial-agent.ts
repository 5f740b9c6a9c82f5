/** The agents of a service: connections come from the gateway's dialer, separate by integration, and carry judged requests only. */
import type { AgentOptions, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Hangup, Refusal } from '../../core/index.ts'
import { connectionOf, type Dialer, type DialTimeouts, keepAliveMs, type Target, WantedDials } from '../../egress/index.ts'
import { Agent } from '../../node-http.ts'
import { forgetPending, freeSocketsOf } from '../http/index.ts'
import { type Call, callOf } from './call.ts'

/** Node calls it for every request of an agent (missing in its types). */
interface RequestTaker {
  addRequest(outgoing: ClientRequest, options: unknown): void
}

const { addRequest } = Agent.prototype as unknown as RequestTaker

type Dial = (owner: string, hangup: Hangup, timeouts: DialTimeouts) => Promise<Duplex>

/** Connections of one integration to the service. */
class DialAgent extends Agent {
  readonly #dial: (timeouts: DialTimeouts) => Promise<Duplex>
  readonly #dials = new WantedDials()
  /** The call whose request is being added: Node dials within that. */
  #taking: Call | null = null

  constructor(dial: Dial, owner: string, options: AgentOptions) {
    super(options)
    this.#dial = (timeouts) => dial(owner, this.#dials, timeouts)
  }

  /** Removes a request that ends before it has a connection. */
  take(outgoing: ClientRequest, options: unknown, call: Call): void {
    let isWaiting = true
    const leave = () => {
      if (isWaiting) this.#dials.leave()
      isWaiting = false
    }
    this.#dials.enter()
    outgoing.once('socket', (socket) => {
      call.progress.started(connectionOf(socket))
      leave()
    })
    outgoing.once('close', leave)
    call.onGivenUp = () => {
      leave()
      forgetPending(this, outgoing)
    }
    this.#taking = call
    try {
      addRequest.call(this, outgoing, options)
    } finally {
      this.#taking = null
    }
  }

  override createConnection(options: unknown, done?: (error: Error | null, socket: Duplex) => void): undefined {
    const progress = this.#taking?.progress
    progress?.dialling()
    // Node also dials when another connection has closed, for a request that waits.
    this.#dial((this.#taking ?? callOf(options))?.timeouts ?? {}).then(
      (socket) => {
        progress?.dialled(connectionOf(socket))
        done?.(null, socket)
      },
      (error: Error) => done?.(error, undefined as never),
    )
  }
}

/** The largest head of a reply, as for requests to origins; Node's own bound is 16 KiB. */
const maxHeadBytes = 64 * 1024

export interface ServiceAgentOptions {
  readonly secure: boolean
  readonly target: Omit<Target, 'owner'>
  /** Most connections of one integration. */
  readonly connections: number
  readonly idleTimeoutMs: number
}

/** The agent that http-proxy-middleware gets: it hands each request to the agent of the integration that it was judged for. */
export class ServiceAgent extends Agent implements RequestTaker {
  /** Node compares it with the request's scheme (missing in its types). */
  readonly protocol: string
  readonly #dial: Dial
  readonly #options: AgentOptions
  readonly #agents = new Map<string, DialAgent>()

  constructor(dialer: Dialer, { secure, target, connections, idleTimeoutMs }: ServiceAgentOptions) {
    super({ keepAlive: true })
    this.protocol = secure ? 'https:' : 'http:'
    this.#dial = (owner, hangup, timeouts) => {
      const to = { ...target, owner, timeouts }
      return secure ? dialer.tls(to, hangup) : dialer.tcp(to, hangup)
    }
    // `timeout` applies while a connection waits for its next request; the exchange has its own timeout.
    this.#options = { keepAlive: true, maxSockets: connections, timeout: keepAliveMs(idleTimeoutMs) }
  }

  addRequest(outgoing: ClientRequest, options: unknown): void {
    const call = callOf(options)
    // Whatever the library does, a request that is not exactly the judged one gets no connection.
    if (call === undefined || call.method !== outgoing.method || call.path !== outgoing.path) {
      process.nextTick(() => outgoing.emit('error', new Refusal('internal', 'a request to a service is not the one that was judged')))
      outgoing.destroy()
      return
    }
    outgoing.maxHeadersCount = 0
    ;(outgoing as { maxHeaderSize?: number }).maxHeaderSize = maxHeadBytes
    call.follow(outgoing)
    if (outgoing.destroyed) return
    const agent = call.isAlone ? new DialAgent(this.#dial, call.integration, {}) : this.#agentOf(call.integration)
    agent.take(outgoing, options, call)
  }

  /** Closes the integration's connections that wait for their next request; answers how many there were. */
  giveUpIdle(integration: string): number {
    const agent = this.#agents.get(integration)
    const idle = agent === undefined ? [] : freeSocketsOf(agent)
    for (const socket of idle) socket.destroy()
    return idle.length
  }

  #agentOf(integration: string): DialAgent {
    let agent = this.#agents.get(integration)
    if (agent === undefined) {
      agent = new DialAgent(this.#dial, integration, this.#options)
      this.#agents.set(integration, agent)
    }
    return agent
  }
}
