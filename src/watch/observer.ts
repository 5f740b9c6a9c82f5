/** The station that watches: counts what passes, per integration and destination, and gives it in slices. Its memory is bounded, whatever is asked for. */
import { randomInt } from 'node:crypto'
import type { AccessRequest, Integration, Watch } from '../core/index.ts'
import { FlowCounter } from './flow-counter.ts'
import { hashText, labelEntropy } from './measures.ts'
import { type Flow, maxDeniedDestinations, maxDestinations, notDestinations, type Slice } from './slice.ts'

export interface ObserverOptions {
  /** A destination is used that was not used since the start, or for long: a slice should not wait. */
  readonly onFirstUse: () => void
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** Milliseconds, monotonic. */
  readonly monotonic?: () => number
}

export interface Observer extends Watch {
  /**
   * What was counted since the last time, in parts of whole integrations that hold about 500 flows; nothing where there was
   * nothing. Each part ends when it is read: what is counted meanwhile is not lost.
   */
  cut(): Iterable<Slice>
}

/** Counters of all integrations together, more than a gateway serves requests in a second; beyond it there is one for each integration’s further destinations. */
const maxFlows = 20_000
const flowsOfPart = 500
/** Beyond these a counter is given up after one slice without anything: it would be memory that waits. */
const crowdedFlows = 2000
/** Slices without anything after which a counter is given up. */
const maxIdle = 10
/** Hashes of destinations of an integration that were used; then they are forgotten, and each counts as a first use once more. */
const maxUsed = 4096
/** Callers that proved no integration. */
const unidentified = '-'

interface Counted {
  /** When what is counted began. */
  since: number
  readonly flows: Map<string, FlowCounter>
  readonly used: Set<number>
  denied: number
}

export function createObserver({ onFirstUse, now = Date.now, monotonic = () => performance.now() }: ObserverOptions): Observer {
  const integrations = new Map<string, Counted>()
  const seed = randomInt(2 ** 32)
  let flowCount = 0

  function counterOf(name: string, owner: string | null, destination: string, host: string | null, isDenied: boolean): FlowCounter {
    let counted = integrations.get(name)
    if (counted === undefined) {
      counted = { since: monotonic(), flows: new Map(), used: new Set(), denied: 0 }
      integrations.set(name, counted)
    }
    return counted.flows.get(destination) ?? begin(counted, name, owner, destination, host, isDenied)
  }

  function begin(
    counted: Counted,
    name: string,
    owner: string | null,
    destination: string,
    host: string | null,
    isDenied: boolean,
  ): FlowCounter {
    const { flows, used } = counted
    const isFull = flows.size >= maxDestinations || flowCount >= maxFlows || (isDenied && counted.denied >= maxDeniedDestinations)
    const entropy = host === null ? 0 : labelEntropy(host)
    if (isFull && host !== null) {
      const others = counterOf(name, owner, notDestinations.others, null, false)
      if (entropy > others.labelEntropy) others.labelEntropy = entropy
      return others
    }
    const hash = hashText(destination, seed) | 0
    const isFirstUse = host !== null && !isDenied && !used.has(hash)
    if (isFirstUse) {
      if (used.size >= maxUsed) used.clear()
      used.add(hash)
      onFirstUse()
    }
    const counter = new FlowCounter(name, owner, destination, { entropy, isFirstUse, isDenied })
    flows.set(destination, counter)
    flowCount += 1
    if (isDenied) counted.denied += 1
    return counter
  }

  function giveUp(counted: Counted, destination: string, { isDenied }: FlowCounter): void {
    counted.flows.delete(destination)
    flowCount -= 1
    if (isDenied) counted.denied -= 1
  }

  function take(counted: Counted, into: Flow[]): void {
    const isCrowded = counted.flows.size > maxDeniedDestinations || flowCount > crowdedFlows
    for (const [destination, counter] of counted.flows) {
      const flow = counter.take()
      if (flow !== null) into.push(flow)
      else if (counter.open === 0 && (isCrowded || counter.idle > maxIdle)) giveUp(counted, destination, counter)
    }
  }

  return {
    decided(request, { allow, obligations }) {
      const { integration } = request
      const counter = counterOf(integration.name, integration.owner, destinationOf(request), hostOf(request), !allow)
      counter.owner = integration.owner
      counter.open += 1
      // What is inside an intercepted tunnel is counted, and not the tunnel as well.
      if (request.kind === 'tunnel' && obligations.tls === 'intercept') return counter
      counter.begun(request.id, request.at)
      if (counter.wantsPaths && 'path' in request.target) counter.path(hashText(request.target.path, 0))
      return counter
    },
    settled(watched, integration: Integration | null, id, at, outcome) {
      if (watched instanceof FlowCounter) {
        watched.open -= 1
        watched.ended(outcome)
        return
      }
      const counter = counterOf(integration?.name ?? unidentified, integration?.owner ?? null, notDestinations.none, null, false)
      counter.begun(id, at)
      counter.ended(outcome)
    },
    *cut() {
      let flows: Flow[] = []
      let since = Number.POSITIVE_INFINITY
      const part = (): Slice => {
        const to = now()
        const slice = { from: to - (monotonic() - since), to, flows }
        flows = []
        since = Number.POSITIVE_INFINITY
        return slice
      }
      for (const [name, counted] of integrations) {
        const before = flows.length
        take(counted, flows)
        if (flows.length > before) since = Math.min(since, counted.since)
        counted.since = monotonic()
        if (counted.flows.size === 0) integrations.delete(name)
        if (flows.length >= flowsOfPart) yield part()
      }
      if (flows.length > 0) yield part()
    },
  }
}

function destinationOf(request: AccessRequest): string {
  switch (request.kind) {
    case 'http':
    case 'tunnel':
      return `${request.target.host}:${request.target.port}`
    case 'service':
      return `service:${request.target.name}`
    case 'file':
      return `file:${request.target.root}`
    case 'lookup':
      return `lookup:${request.target.host}`
    case 'self':
      return notDestinations.self
  }
}

/** `null` where it is no destination, else its name, which is empty where nobody chose one. */
function hostOf({ kind, target }: AccessRequest): string | null {
  if (kind === 'self') return null
  return 'host' in target ? target.host : ''
}
