/** An incident in some sentences: how long, what was done, what left, how it was contained. */
import { formatBytes } from '../usage/index.ts'
import { formatSpan } from './format.ts'
import type { LogBeginning, ReportBody } from './report-form.ts'

export function summaryOf(report: ReportBody): readonly string[] {
  const { figures, times, window } = report
  const { requests, allowed, denied, refused, failed, sentBytes, receivedBytes, destinations } = figures
  const fresh = destinations.filter(({ isNew }) => isNew === true)
  const span = formatSpan(Date.parse(window.to) - Date.parse(window.from))
  return [
    `In ${span} the integration made ${requests} requests: ${allowed} were allowed (${failed} of them failed), ${denied} denied, ${refused} refused.`,
    `${formatBytes(sentBytes)} left to ${destinations.length} destination${destinations.length === 1 ? '' : 's'}, and ${formatBytes(receivedBytes)} came back.`,
    fresh.length === 0
      ? 'No destination was new.'
      : `${fresh.length} of the destinations ${fresh.length === 1 ? 'was' : 'were'} new: ${formatBytes(sum(fresh.map((found) => found.sentBytes)))} left there.`,
    times.detected === null
      ? 'No alert was raised for it.'
      : `It was detected${times.detectMs === null ? '' : ` ${formatSpan(times.detectMs)} after the first sign`}.`,
    containedSentence(report),
    ...(window.log === null ? [] : [beginningSentence(window.log)]),
    ...(report.incident.state === 'open' ? ['The incident is open.'] : []),
  ]
}

function beginningSentence({ time, record }: LogBeginning): string {
  const end = record === 0 ? `The log begins at ${time}` : `Retention has removed from the log what was before ${time}`
  return `${end}: what is called new may be older than that.`
}

function containedSentence({ times, figures }: ReportBody): string {
  if (times.contained === null) return 'It was not contained.'
  const { allowedWhileCut, sentBytesWhileCut } = figures
  const after = times.containMs === null ? '' : times.containMs === 0 ? ' at once' : ` ${formatSpan(times.containMs)} later`
  const held =
    allowedWhileCut === 0 && sentBytesWhileCut === 0
      ? 'no request that began while it was cut off sent anything'
      : `${allowedWhileCut} requests and ${formatBytes(sentBytesWhileCut)} passed while it was cut off`
  const end = times.recoverMs === null ? 'it still is' : `that ended after ${formatSpan(times.recoverMs)}`
  return `It was contained${after}; ${held}; ${end}.`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
