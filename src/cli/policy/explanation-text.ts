/** An explanation as people read it. */
import { type Addition, type AuthorRule, type Explanation, isUndecided } from '../../authoring/index.ts'
import type { Undecided } from '../../policy/index.ts'
import type { Trail } from './log.ts'

export interface Explained extends Explanation {
  readonly trail: Trail
  /** The revision that decided is kept, so the rules are those that decided. */
  readonly isKept: boolean
  /** Tried: with it the request is allowed by `rule`, or that depends on what the log does not hold. */
  readonly change: { readonly manifest: string; readonly add: Addition; readonly rule: string } | Undecided | null
  /** Why no manifest changes the denial. */
  readonly hopeless: string | null
}

export function describeExplained(explained: Explained): string {
  return `${[...thenLines(explained), ...nowLines(explained), ...changeLines(explained)].join('\n')}\n`
}

function thenLines({ record, held, undecided, isKept, trail }: Explained): readonly string[] {
  const subject = Object.entries(record.subject).map(([key, value]) => `${key} ${String(value)}`)
  const ruled = record.rule.startsWith('rules/')
  return [
    `${record.time} ${record.integration} (${record.identity}) ${record.kind} ${record.action}: ${subject.join(', ')}`,
    ...(record.parent === undefined ? [] : [`inside the tunnel ${record.parent}`]),
    `${record.allow ? 'allowed' : 'denied'} by ${record.rule}, revision ${record.revision}`,
    ...(record.reasons ?? []).map((reason) => `  - ${reason}`),
    ...held.map((rule) => `  rule that held: ${placeOf(rule)}`),
    ...undecided.map((rule) => `  whether ${placeOf(rule)} held depends on ${unheld(rule)}`),
    ...(ruled && held.length + undecided.length === 0 ? ['  which line of the rules was true cannot be known'] : []),
    ...(isKept || held.length + undecided.length === 0 ? [] : ['  (that revision is not kept; the lines are those of the rules on disk)']),
    ...endLines(trail),
  ]
}

function endLines({ settled, revoked, inside, insideCount }: Trail): readonly string[] {
  return [
    ...(settled?.problem === undefined || settled.problem === 'policy-denied'
      ? []
      : [`It ended with ${settled.status} ${settled.problem}.`]),
    ...(revoked === null ? [] : [`It was cut while open: ${revoked.rule} of revision ${revoked.revision} no longer allowed it.`]),
    ...(insideCount === 0
      ? []
      : [
          `${insideCount} request${insideCount === 1 ? '' : 's'} inside it: ${inside.slice(0, 10).join(', ')}${insideCount > 10 ? ', …' : ''}`,
        ]),
  ]
}

function nowLines({ record, now, rulesNow }: Explained): readonly string[] {
  if (isUndecided(now))
    return [
      `What the manifests and rules on disk decide depends on ${unheld(now)}.`,
      ...rulesNow.undecided.map((rule) => `  ${placeOf(rule)} looks at ${rule.dependsOn.join(', ')}`),
    ]
  const same = now.allow === record.allow && now.rule === record.rule
  return [
    same
      ? 'The manifests and rules on disk decide the same.'
      : `The manifests and rules on disk decide otherwise: ${now.allow ? 'allowed' : 'denied'} by ${now.rule}${now.reasons.length === 0 ? '' : ` (${now.reasons.join('; ')})`}`,
  ]
}

function changeLines({ change, hopeless }: Explained): readonly string[] {
  if (hopeless !== null) return [`No change of the manifest would allow it: ${hopeless}.`]
  if (change === null) return []
  if (isUndecided(change)) return [`Whether a change of the manifest would allow it depends on ${unheld(change)}.`]
  return [`The smallest change that would allow it, in ${change.manifest}:`, `  ${JSON.stringify(change.add)}`]
}

function placeOf({ rule, file, row }: AuthorRule): string {
  return `${file}:${row} (${rule})`
}

function unheld({ dependsOn }: Undecided): string {
  return `${dependsOn.join(', ')}, which the log does not record in full`
}
