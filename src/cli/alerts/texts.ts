/** What the commands for alerts print for people. Names come from integrations: nothing of them acts on a terminal. */
import { type Measured, measuredText } from '../../detect/index.ts'
import { visibleText } from '../../text/index.ts'
import { asTable } from '../audit/index.ts'

export interface ShownAlert {
  readonly id: string
  readonly state: string
  readonly severity: string
  readonly rule: string
  readonly integration: string | null
  readonly owner: string | null
  readonly destination: string | null
  readonly title: string
  readonly detail: string
  readonly measures: readonly Measured[]
  readonly ids: readonly string[]
  readonly playbook: string
  readonly count: number
  readonly reopened: number
  readonly firstAt: string
  readonly lastAt: string
  readonly acknowledgedBy: string | null
  readonly acknowledgedAt: string | null
  readonly reason: string | null
  readonly resolvedAt: string | null
  readonly delivered: Readonly<Record<string, string>>
}

export interface Listed {
  readonly alerts: readonly ShownAlert[]
  readonly isWhole: boolean
  readonly overflowed: number
  readonly receivers: readonly {
    readonly name: string
    readonly waiting: number
    readonly oldest: string | null
    readonly dropped: number
    readonly problem: string | null
  }[]
}

export interface Tested {
  readonly ok: boolean
  readonly problem?: string
  readonly status?: number | null
  readonly text?: string
  readonly durationMs?: number
}

export function listText({ alerts, isWhole, overflowed, receivers }: Listed): string {
  const rows = alerts.map(({ id, severity, state, rule, integration, destination, count, lastAt, title }) => [
    ...[id, severity, state, secondOf(lastAt), String(count), rule, integration ?? '-', destination ?? '-', title],
  ])
  const heads = ['ID', 'SEVERITY', 'STATE', 'LAST', 'COUNT', 'RULE', 'INTEGRATION', 'DESTINATION', 'WHAT']
  return [
    rows.length === 0 ? 'no alert\n' : asTable([heads, ...rows]),
    isWhole ? '' : 'the store cannot be read: resolved alerts may be missing\n',
    overflowed === 0 ? '' : `${overflowed} findings became no alert, since 5000 are active already\n`,
    ...receivers.flatMap(({ name, waiting, oldest, dropped, problem }) => [
      problem === null && waiting === 0
        ? ''
        : lineOf(
            `receiver ${name}: ${waiting} waiting${oldest === null ? '' : ` since ${secondOf(oldest)}`}${dropped === 0 ? '' : `, ${dropped} given up`}${problem === null ? '' : `; ${problem}`}`,
          ),
    ]),
  ].join('')
}

export function showText(alert: ShownAlert): string {
  const { id, state, severity, rule, integration, owner, destination, title, detail, measures, ids, playbook } = alert
  const { count, reopened, firstAt, lastAt, acknowledgedBy, acknowledgedAt, reason, resolvedAt, delivered } = alert
  const facts: readonly (readonly [string, string | null])[] = [
    ['alert', `${id}, ${state}, ${severity}`],
    ['what', title],
    ['why', detail],
    ['rule', rule],
    ['integration', integration],
    ['owner', owner],
    ['destination', destination],
    [
      'found',
      `${count === 1 ? `once, at ${secondOf(lastAt)}` : `${count} times from ${secondOf(firstAt)} to ${secondOf(lastAt)}`}${reopened === 0 ? '' : `; came back ${reopened} times`}`,
    ],
    ...measures.map((measured) => ['measured', measuredText(measured)] as const),
    ['requests', ids.length === 0 ? null : ids.join(' ')],
    [
      'in hand',
      acknowledgedBy === null
        ? null
        : `${acknowledgedBy}${acknowledgedAt === null ? '' : `, ${secondOf(acknowledgedAt)}`}${reason === null ? '' : `: ${reason}`}`,
    ],
    ['resolved', resolvedAt === null ? null : secondOf(resolvedAt)],
    ...Object.entries(delivered).map(([receiver, at]) => ['told', `${receiver}, ${secondOf(at)}`] as const),
    ['playbook', playbook === '' ? null : `docs/watch/playbooks.md#${playbook}`],
  ]
  return facts.flatMap(([name, text]) => (text === null ? [] : [lineOf(`${name.padEnd(12)} ${text}`)])).join('')
}

export function testText({ ok, problem, status, text = '', durationMs }: Tested): string {
  if (durationMs === undefined) return lineOf(problem ?? 'the gateway refused')
  const answer = status === null || status === undefined ? 'no answer' : `${status}${text === '' ? '' : `: ${text}`}`
  return lineOf(ok ? `taken in ${durationMs} ms: ${answer}` : `not taken after ${durationMs} ms: ${problem ?? answer}`)
}

function secondOf(time: string): string {
  return `${time.slice(0, 19)}Z`
}

function lineOf(text: string): string {
  return `${visibleText(text)}\n`
}
