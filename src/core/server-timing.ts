/** What an integration whose manifest asks for it is told of the time that its request took: `Server-Timing` (W3C). */
import type { Phases } from './timeline.ts'

/** Durations alone, in milliseconds; the names are the gateway's own, since a destination may send the field too. */
export function serverTiming(phases: Phases, cpuMs: number): string {
  const { made } = phases
  const parts: readonly (readonly [string, number | null])[] = [
    ['identify', phases.identifyMs],
    ['limits', phases.limitsMs],
    ['policy', phases.policyMs],
    ['admit', phases.admitMs],
    ['queue', phases.queueMs],
    ['dns', made?.dnsMs ?? null],
    ['connect', made?.tcpMs ?? null],
    ['tls', made?.tlsMs ?? null],
    ['first-byte', phases.firstByteMs],
    ['record', phases.recordMs],
    ['cpu', cpuMs],
  ]
  return parts
    .filter(([, ms]) => ms !== null)
    .map(([name, ms]) => `sallyport-${name};dur=${Math.round((ms ?? 0) * 1000) / 1000}`)
    .join(', ')
}
