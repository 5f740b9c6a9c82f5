/** What can be asked of the process that watches, by name. */
import { type Alerts, alertQuestions } from '../alerts/index.ts'
import type { Detector, Usual } from '../detect/index.ts'
import type { Destinations } from './destinations.ts'
import type { Args, WatcherStatus } from './messages.ts'
import type { UsageSeriesStore } from './usage-series.ts'

/** What answers are made from. */
export interface Known {
  readonly destinations: Destinations
  /** What is usual for an integration; `null`: nothing is known of it. */
  readonly usual: (integration: string) => Usual | null
  readonly scores: Detector['scores']
  readonly alerts: Alerts
  readonly status: () => WatcherStatus
  readonly usage: UsageSeriesStore
}

/** Of these the most unusual. */
const maxScores = 200

const questions: Readonly<Record<string, (known: Known, args: Args) => unknown>> = {
  overview: ({ status, scores }) => ({ ...status(), scores: scores().slice(0, maxScores) }),
  integration: ({ destinations, usual, scores }, { integration }) => ({
    integration: String(integration),
    destinations: destinations.of(String(integration)),
    usual: usual(String(integration)),
    scores: scores(String(integration)).slice(0, maxScores),
  }),
  'usage.series': ({ usage }, args) => usage.answer(args),
}

/** Throws an Error that says why there is no answer; the answer may be a promise. */
export function answer(known: Known, question: string, args: Args): unknown {
  if (Object.hasOwn(alertQuestions, question)) return alertQuestions[question]?.(known.alerts, args)
  const asked = Object.hasOwn(questions, question) ? questions[question] : undefined
  if (asked === undefined) throw new Error(`there is no question "${question}"`)
  return asked(known, args)
}
