/** How a gateway ends: new work is refused, live work may end within the drain timeout, then each station is closed in order. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config/index.ts'
import type { OpenConnectionsStation } from '../connections/index.ts'
import { BrokenOff, closeWaitMs } from '../core/index.ts'
import type { Listener } from '../ingress/index.ts'
import type { Logger } from '../telemetry/index.ts'

/** An arrival that is not settled by then, behind the end of its connection, is a bug. */
const settleMs = 1000

export interface ShutdownOptions {
  readonly config: Config
  readonly state: { draining: boolean }
  readonly lifecycle: { close(): Promise<void> }
  readonly following: { stop(): void }
  /** Those that are open. */
  readonly listeners: readonly Listener[]
  /** What comes through intercepted tunnels. */
  readonly inner: { close(): void }
  readonly openConnections: Pick<OpenConnectionsStation, 'closeWebSockets'>
  readonly admin: { close(): Promise<void> }
  /** Resolves once every arrival is settled, or the time is over. */
  readonly settled: (withinMs: number) => Promise<void>
  /** What is left once nothing is served, in the order in which it is closed. */
  readonly release: readonly (() => unknown)[]
  readonly logger: Logger
}

export interface Shutdown {
  /** Lets live work end; the same end however often it is asked for. */
  drain(): Promise<void>
  /** Cuts live work. */
  now(): Promise<void>
  /** For a start that failed before anything was served. */
  release(): Promise<void>
}

export function createShutdown(options: ShutdownOptions): Shutdown {
  const { config, state, lifecycle, following, listeners, inner, openConnections, admin, settled, logger } = options
  let draining: Promise<void> | null = null

  async function release(): Promise<void> {
    for (const close of options.release) await close()
  }

  async function now(): Promise<void> {
    await lifecycle.close()
    for (const listener of listeners) listener.destroy()
    // What was cut settles when its sockets have closed: nothing is recorded behind the end of the log.
    await settled(settleMs)
    await admin.close()
    await release()
  }

  async function drain(): Promise<void> {
    state.draining = true
    following.stop()
    // Draining does not wait for a bundle that is being compiled: `now` does.
    void lifecycle.close().catch(() => {})
    inner.close()
    const drained = Promise.all(listeners.map((listener) => listener.drain()))
    const leaving = setTimeout(
      () => openConnections.closeWebSockets(new BrokenOff('draining', 'the gateway is shutting down')),
      config.drainTimeoutMs - Math.min(closeWaitMs, config.drainTimeoutMs / 2),
    )
    const late = await Promise.race([drained.then(() => false), sleep(config.drainTimeoutMs, true, { ref: false })])
    clearTimeout(leaving)
    if (late) logger.warn({ drainTimeoutMs: config.drainTimeoutMs }, 'live work did not end in time and is cut')
    for (const listener of listeners) listener.destroy()
    await drained
    await now()
    logger.info('stopped')
  }

  return { drain: () => (draining ??= drain()), now, release }
}
