/** Happy Eyeballs (RFC 8305): of several judged addresses the first that answers is used, and a dead address costs only a moment. */
import type { LookupAddress } from 'node:dns'
import { connect, isIPv4, type Socket } from 'node:net'

/** RFC 8305 §5: after this time without an answer the next address is tried in parallel. */
const attemptMs = 250
/** A name may have hundreds of addresses; so many are tried. */
const maxAttempts = 16

/** What each attempt beside the first one needs: for a name with many silent addresses, one caller would hold many descriptors. */
export interface AttemptPlaces {
  take(): boolean
  give(): void
}

/**
 * Gives the socket of the first address that accepts. No name is looked up here: what is dialled are the addresses given.
 * Beside the first attempt each needs one of `places`. Rejects with the signal's reason; where all fail, with the first failure, whose `attempts` names each.
 */
export function connectFirst(
  addresses: readonly LookupAddress[],
  port: number,
  signal: AbortSignal,
  places: AttemptPlaces,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = alternating(addresses).slice(0, maxAttempts)
    const open = new Set<Socket>()
    const failures: ConnectFailure[] = []
    let timer: NodeJS.Timeout | undefined
    let taken = 0

    function settle(winner: Socket | null): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      waiting.length = 0
      for (const socket of open) if (socket !== winner) socket.destroy()
      open.clear()
      for (; taken > 0; taken -= 1) places.give()
    }
    function stop(): void {
      settle(null)
      reject(signal.reason)
    }
    function next(): void {
      clearTimeout(timer)
      if (waiting.length > 0 && open.size > taken) {
        if (!places.take()) {
          timer = setTimeout(next, attemptMs)
          return
        }
        taken += 1
      }
      const address = waiting.shift()
      if (address === undefined) {
        if (open.size > 0) return
        settle(null)
        reject(allFailed(failures))
        return
      }
      if (waiting.length > 0) timer = setTimeout(next, attemptMs)
      attempt(address)
    }
    function attempt({ address, family }: LookupAddress): void {
      const socket = connect({ host: address, family, port, noDelay: true, keepAlive: true })
      open.add(socket)
      // Stays: an origin may reset before another listener is there, and an error without a listener ends the process.
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (!open.delete(socket)) return
        failures.push({ address, error })
        next()
      })
      socket.once('connect', () => {
        if (!open.has(socket)) return
        settle(socket)
        resolve(socket)
      })
    }

    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    next()
  })
}

interface ConnectFailure {
  readonly address: string
  readonly error: NodeJS.ErrnoException
}

/** What failed, for the operator: addresses and codes. */
export class ConnectError extends Error {
  readonly code: string
  readonly attempts: string
  /** This machine has no local port left for one of the addresses. A machine without IPv6 says the same of an address of that family. */
  readonly lacksPorts: boolean

  constructor(failures: readonly ConnectFailure[]) {
    const codeOf = ({ error }: ConnectFailure) => error.code ?? 'failed'
    super('no address accepts the connection', { cause: failures[0]?.error })
    this.name = 'ConnectError'
    // A family without a route says little where the other family was reached and refused.
    this.code =
      failures.map(codeOf).find((code) => code !== 'ENETUNREACH' && code !== 'EADDRNOTAVAIL') ?? failures.map(codeOf)[0] ?? 'failed'
    this.lacksPorts = failures.some((failure) => codeOf(failure) === 'EADDRNOTAVAIL' && isIPv4(failure.address))
    this.attempts = failures.map((failure) => `${failure.address} ${codeOf(failure)}`).join(', ')
  }
}

function allFailed(failures: readonly ConnectFailure[]): ConnectError {
  return new ConnectError(failures)
}

/** RFC 8305 §4: families take turns, IPv6 first, each in the order of the answer. */
function alternating(addresses: readonly LookupAddress[]): LookupAddress[] {
  const v6 = addresses.filter(({ family }) => family === 6)
  const v4 = addresses.filter(({ family }) => family !== 6)
  return Array.from({ length: Math.max(v4.length, v6.length) }, (_, i) => [v6[i], v4[i]])
    .flat()
    .filter((found) => found !== undefined)
}
