/** One measure against its baseline, in words. */
import { bytesText, counted, countText, durationText, percentText } from '../text/index.ts'
import { deviationsPerMad, fromOctaves, toOctaves } from './baseline/index.ts'
import type { Measured } from './finding.ts'

/** What is within so many deviations is ordinary: the band that is drawn, too. What is outside is worth a look, and not yet a finding. */
export const ordinaryDeviations = 3

const names: Readonly<Record<string, string>> = {
  sentBytes: 'sent',
  receivedBytes: 'received',
  denied: 'denied requests',
  failed: 'failed requests',
  failedShare: 'failed',
  latencyMs: 'latency',
  distinct: 'distinct paths or destinations',
  deniedDestinations: 'denied destinations',
  encodedNames: 'names like encoded data',
  labelEntropy: 'bits per character of the name',
  intervalMs: 'time between two requests',
  jitter: 'deviation from that time',
  firstUse: 'first use',
  usedShare: 'used',
  daysLeft: 'days left',
  breakerOpen: 'open breaker',
}
const times: Readonly<Record<string, string>> = {
  In5Minutes: ' within 5 minutes',
  InHour: ' within the hour',
  SinceFirstUse: ' since the first use',
}

/** `sent within 5 minutes`, of `sentBytesIn5Minutes`. */
export function measureName(measure: string): string {
  const [, name = measure, time = ''] = /^(.*?)(In5Minutes|InHour|SinceFirstUse)?$/.exec(measure) ?? []
  return `${names[name] ?? name}${times[time] ?? ''}`
}

/** `2.2 MB`, of a number of that measure. */
export function amountText(measure: string, value: number): string {
  if (measure.includes('Bytes')) return bytesText(value)
  if (measure.endsWith('Ms')) return durationText(value)
  if (measure.endsWith('Share') || measure === 'jitter') return percentText(value)
  return countText(/In(5Minutes|Hour)$/.test(measure) ? Math.round(value) : value)
}

/** `11 deviations`; one is so many times as much, and not so much more. */
export const deviationsText = (deviations: number): string => `${countText(deviations)} deviations`

/** `200 kB (up to 410 kB)`, the second being where the ordinary ends; without it for a value that is not beyond it. */
export function usualText({ measure, value, median, mad }: Measured): string {
  if (median === null) return 'not known'
  const usual = amountText(measure, median)
  if (mad === null) return usual
  const center = toOctaves(median)
  const end = fromOctaves(center + ordinaryDeviations * deviationsPerMad * (toOctaves(median + mad) - center))
  const most = amountText(measure, end)
  return value > end && most !== usual ? `${usual} (up to ${most})` : usual
}

/** What the baseline was learned from. */
function learnedText({ measure, samples }: Measured): string {
  if (measure.endsWith('In5Minutes')) return `, learned from ${countText(samples)} times 5 minutes`
  return measure.endsWith('InHour') ? `, learned from ${counted(samples, 'such hour')}` : ''
}

/** `sent within 5 minutes: 2.2 MB; usual: 200 kB (up to 410 kB), learned from 372 times 5 minutes; 11 deviations, of which up to 3 are ordinary`. */
export function measuredText(measured: Measured): string {
  const { measure, value, median, deviations } = measured
  const what = `${measureName(measure)}: ${amountText(measure, value)}`
  if (median === null) return what
  const far = deviations === null ? '' : `; ${deviationsText(deviations)}, of which up to ${ordinaryDeviations} are ordinary`
  return `${what}; usual: ${usualText(measured)}${learnedText(measured)}${far}`
}
