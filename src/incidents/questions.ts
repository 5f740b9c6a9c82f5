/** What a review has to answer, from what the records show and what they do not. */
import { formatBytes } from '../usage/index.ts'
import { formatSpan } from './format.ts'
import type { ReportBody } from './report-form.ts'

/** Slower detection than this is worth a question. */
const slowMs = 60_000

export function questionsOf({ times, figures, revisions, proof, incident, moreRecords }: ReportBody): readonly string[] {
  const questions: string[] = []
  const fresh = figures.destinations.filter(({ isNew }) => isNew === true)
  const leaving = fresh.filter(({ sentBytes }) => sentBytes > 0)
  if (leaving.length > 0)
    questions.push(
      `What was in the ${formatBytes(leaving.reduce((sum, { sentBytes }) => sum + sentBytes, 0))} that left to new destinations, and which credentials have to be changed?`,
    )
  if (fresh.some(({ requests, denied, refused }) => requests > denied + refused))
    questions.push('Which capability allowed the new destinations, and is it wider than the integration needs?')
  if (times.detected === null) questions.push('Why was no alert raised, and which rule would have raised one (sallyport watch replay)?')
  else if ((times.detectMs ?? 0) > slowMs) questions.push(`Why did detection take ${formatSpan(times.detectMs ?? 0)}?`)
  if (times.contained === null) questions.push('Why was nothing contained: should the rule contain by itself?')
  if (figures.allowedWhileCut > 0 || figures.sentBytesWhileCut > 0)
    questions.push('How could requests pass while the integration was cut off?')
  if (times.contained !== null && times.recovered === null && incident.state === 'closed')
    questions.push('The integration is still contained: is that meant to stay?')
  if (revisions.length > 0) questions.push('Did a change of the policy in this time make it possible, or end it?')
  if (figures.unsettled > 0)
    questions.push(`${figures.unsettled} requests have no end in the log: were they under way, or did the gateway stop?`)
  if (proof.problem !== null) questions.push('Not every record is proved: why?')
  if (moreRecords > 0) questions.push('Some records are not in the timeline: should it be about a shorter time?')
  questions.push('What in the manifest, the rules or the alerts changes after this, and who does it by when?')
  return questions
}
