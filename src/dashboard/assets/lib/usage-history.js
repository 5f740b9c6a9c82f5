/** What usage was over the last minutes, while the dashboard is open: rates, from the difference of two answers. */
import { get } from './api.js'

/** Ten minutes at five seconds each. */
const most = 120
/** An answer of ten thousand integrations is not asked for every five seconds. */
const intervalFor = (integrations) => (integrations > 1000 ? 30_000 : 5000)

const samples = new Map()
let previous = null
let latest = []
const listeners = new Set()
let timer = null

const results = ['allowed', 'denied', 'limited', 'refused', 'failed', 'aborted']
export const total = ({ requests }) => results.reduce((sum, result) => sum + requests[result], 0)

function rateOf(before, now, seconds) {
  const rate = (value) => Math.max(0, value(now) - value(before)) / seconds
  return {
    requests: rate(total),
    denied: rate(({ requests }) => requests.denied + requests.limited + requests.refused),
    failed: rate(({ requests, originErrors }) => requests.failed + originErrors),
    sent: rate(({ sentBytes }) => sentBytes),
    received: rate(({ receivedBytes }) => receivedBytes),
  }
}

async function sample() {
  clearTimeout(timer)
  try {
    const usage = await get('/v1/usage')
    const now = Date.now()
    const before = new Map(previous?.usage.map((entry) => [entry.integration, entry]))
    for (const entry of usage) {
      const known = samples.get(entry.integration) ?? []
      const old = before.get(entry.integration)
      if (old !== undefined)
        known.push({
          at: now,
          ...rateOf(old, entry, (now - previous.at) / 1000),
          latency: entry.latencyMs,
          levels: entry.buckets.map(({ bucket, level, capacity }) => ({ bucket, used: capacity > 0 ? 1 - level / capacity : 0 })),
        })
      samples.set(entry.integration, known.slice(-most))
    }
    previous = { at: now, usage }
    latest = usage
    for (const listener of listeners) listener(usage)
  } catch {
    // The next one may answer.
  }
  if (listeners.size > 0) timer = setTimeout(sample, document.hidden ? 30_000 : intervalFor(latest.length))
}

/** `listener` is called with each answer. Returns how to stop. */
export function watchUsage(listener) {
  listeners.add(listener)
  if (latest.length > 0) listener(latest)
  if (listeners.size === 1) void sample()
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) clearTimeout(timer)
  }
}

export const historyOf = (integration) => samples.get(integration) ?? []

/** The bucket of which least is left, `null` where there is none. Arrivals and requests, bytes, concurrency. */
export function tightest({ buckets }) {
  const used = buckets.filter(({ capacity }) => capacity > 0).map((report) => ({ ...report, used: 1 - report.level / report.capacity }))
  return used.reduce((most, report) => (most === null || report.used > most.used ? report : most), null)
}
