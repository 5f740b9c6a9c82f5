/** A drill from its first request to its last: it is noticed, contained, and undone, and each of that is timed by the records of the log. */
import { randomBytes } from 'node:crypto'
import type { Config, WatchRules } from '../../config/index.ts'
import { formatSpan } from '../../incidents/index.ts'
import { ask, askGateway } from '../admin-client.ts'
import { createClient, type Send } from './client.ts'
import { followSigns, type Sign } from './follow.ts'
import { drillName } from './manifest.ts'
import { type DrillOrigin, openOrigin } from './origin.ts'
import { type Ready, rulesOfDrills } from './prerequisites.ts'
import type { Drill, DrillKind } from './traffic.ts'

export interface DrillResult {
  readonly drill: DrillKind
  /** In the path of each request. */
  readonly label: string
  readonly destination: string
  /** ISO 8601, UTC. */
  readonly began: string
  readonly rule: string | null
  readonly alert: string | null
  /** `rule`: by the alert's rule; `drill`: by this command, because that rule contains nothing. */
  readonly containedBy: 'rule' | 'drill' | null
  readonly detectMs: number | null
  readonly containMs: number | null
  readonly recoverMs: number | null
  /** That reached the destination while it was contained, and of requests that were tried then. */
  readonly bytesWhileContained: number | null
  readonly records: { readonly alert: number | null; readonly containment: number | null }
  /** Noticed and contained, and nothing passed meanwhile. */
  readonly ok: boolean
}

export interface DrillOptions {
  readonly config: Config
  readonly ready: Ready
  readonly kind: DrillKind
  readonly drill: Drill
  /** A step, as it happens. */
  readonly say: (step: string) => void
  readonly signal: AbortSignal
}

const containedWithinMs = 10_000
/** Containment reaches open connections within this. */
const cutWithinMs = 1000
const recoveredWithinMs = 15_000
/** Where a second operator has to approve that it is lifted. */
const approvedWithinMs = 600_000
/** After the last request, so long a rule may take to contain what was sent. */
const lateMs = 2000

/** Whatever happens, its origin is closed and the containment of its integration is lifted. Throws `CommandError`. */
export async function runDrill({ config, ready, kind, drill, say, signal }: DrillOptions): Promise<DrillResult> {
  const label = `${kind}-${randomBytes(4).toString('hex')}`
  const origin = await openOrigin(ready.usedPorts)
  const { send, close } = createClient(ready.proxy, ready.token, origin.port, label)
  const signs = followSigns(config.audit.folder, ready.from, signal)
  const traffic = new AbortController()
  let isLifted = false
  const reason = `drill ${label}`
  try {
    say(`drill ${label}: it ${drill.what}, as "${drillName}" to 127.0.0.1:${origin.port}`)
    const began = Date.now()
    const sending = drill.run(send, AbortSignal.any([traffic.signal, signal]), say)
    const alert = await signs.detected(drill.rules, drill.withinMs)
    const isContaining = alert !== null && (rulesOfDrills(config)[alert.what as keyof WatchRules]?.contain ?? null) !== null
    if (alert !== null && !isContaining) await act(config, 'suspend', { reason, forMs: '600000' })
    const contained = alert === null ? null : await signs.contained(containedWithinMs, alert.at - containedWithinMs)
    // A rule contains before anybody is told; what is older than that is of another drill, or by hand.
    const detectedAt = alert === null ? null : Math.min(alert.at, contained?.isByRule === true ? contained.at : alert.at)
    const [detectMs, containMs] = [between(began, detectedAt), between(detectedAt, contained?.at ?? null)]
    if (alert !== null && detectMs !== null)
      say(`detected after ${formatSpan(detectMs)}: rule ${alert.what}, alert ${alert.alert ?? '-'} (record ${alert.record})`)
    if (contained !== null && containMs !== null) {
      const by = contained.isByRule ? 'by the rule' : 'by this drill as an operator would, because the rule contains nothing'
      say(
        `contained ${containMs === 0 ? 'at once' : `${formatSpan(containMs)} later`}, ${by}: ${contained.what} (record ${contained.record})`,
      )
    }
    const bytes = contained === null ? null : await bytesAfter(contained, origin, send)
    if (bytes !== null) say(`${bytes} bytes reached the destination while it was contained; a request was tried`)
    traffic.abort()
    await sending
    const needsApproval = config.containment.approval.includes('lift')
    if (contained !== null && needsApproval) say(`a second operator has to approve the lift: sallyport contain approve ${drillName}`)
    const withinMs = needsApproval ? approvedWithinMs : recoveredWithinMs
    const recoverMs = contained === null || signal.aborted ? null : await recover(config, send, { reason, withinMs, signal })
    isLifted = recoverMs !== null
    if (recoverMs !== null) say(`recovered ${formatSpan(recoverMs)} after the containment was lifted: a request is allowed again`)
    for (const raised of await raisedSince(config, began)) await acknowledge(config, raised, reason, say)
    return {
      ...{ drill: kind, label, destination: `127.0.0.1:${origin.port}`, began: new Date(began).toISOString() },
      ...{ rule: alert?.what ?? null, alert: alert?.alert ?? null, detectMs, bytesWhileContained: bytes },
      containedBy: contained === null ? null : contained.isByRule ? 'rule' : 'drill',
      ...{ containMs, recoverMs },
      records: { alert: alert?.record ?? null, containment: contained?.record ?? null },
      ok: alert !== null && contained !== null && bytes === 0 && recoverMs !== null,
    }
  } finally {
    traffic.abort()
    close()
    await origin.close()
    if (!isLifted && (await signs.containedLate(lateMs)) !== null) await lift(config, reason)
    signs.close()
  }
}

/** What still reaches the destination once a containment has had its time, with a request that is tried meanwhile. */
async function bytesAfter({ at }: Sign, origin: DrillOrigin, send: Send): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, at + cutWithinMs - Date.now())))
  const before = origin.received()
  await send({ path: '/while-contained' })
  await new Promise((resolve) => setTimeout(resolve, cutWithinMs / 2))
  const after = origin.received()
  return after.bytes - before.bytes + (after.requests > before.requests ? 1 : 0)
}

interface Recovering {
  readonly reason: string
  readonly withinMs: number
  readonly signal: AbortSignal
}

/** How long after it was lifted a request was allowed again; `null`: not within the time. */
async function recover(config: Config, send: Send, { reason, withinMs, signal }: Recovering): Promise<number | null> {
  const began = Date.now()
  await lift(config, reason)
  while (Date.now() < began + withinMs && !signal.aborted) {
    if ((await send({ path: '/recovered' })) === 200) return Date.now() - began
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return null
}

/** Ends whatever holds it; that nothing does is no problem. */
async function lift({ admin }: Config, reason: string): Promise<void> {
  for (const what of ['lift', 'resume']) {
    const path = `/v1/integrations/${drillName}/${what}?${new URLSearchParams({ reason })}`
    const { status } = await askGateway(admin.socketPath, 'POST', path).catch(() => ({ status: 0 }))
    if (status === 200) return
  }
}

async function act(config: Config, what: string, query: Readonly<Record<string, string>>): Promise<void> {
  await ask(config, 'POST', `/v1/integrations/${drillName}/${what}?${new URLSearchParams(query)}`)
}

/** Ids of the alerts that the drill raised, and nobody has in hand; of an integration that is known for a day, its new destination is one too. */
async function raisedSince({ admin }: Config, began: number): Promise<readonly string[]> {
  const query = new URLSearchParams({ integration: drillName, state: 'open' })
  const { body } = await askGateway(admin.socketPath, 'GET', `/v1/alerts?${query}`).catch(() => ({ body: {} }))
  const { alerts = [] } = body as { readonly alerts?: readonly { readonly id: string; readonly firstAt: string }[] }
  // The clock of the slice that an alert was found in may be a little behind.
  return alerts.filter(({ firstAt }) => Date.parse(firstAt) >= began - 1000).map(({ id }) => id)
}

async function acknowledge({ admin }: Config, alert: string, reason: string, say: (step: string) => void): Promise<void> {
  const path = `/v1/alerts/${encodeURIComponent(alert)}/acknowledge?${new URLSearchParams({ reason })}`
  const { status } = await askGateway(admin.socketPath, 'POST', path).catch(() => ({ status: 0 }))
  say(status === 200 ? `acknowledged: alert ${alert}` : `alert ${alert} is still open: "sallyport alerts ack ${alert}" acknowledges it`)
}

function between(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : Math.max(0, to - from)
}
