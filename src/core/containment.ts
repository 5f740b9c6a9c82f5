/** What an integration may still do whatever its policy allows: entered by a rule or an operator, never by the integration, and never lifted by it. */

/** From the least strict to the strictest. */
export const containmentStates = ['normal', 'watched', 'throttled', 'suspended', 'killed'] as const
export type ContainmentState = (typeof containmentStates)[number]

/** What the gateway holds an integration in, where that is not `normal`. */
export interface Contained {
  readonly state: ContainmentState
  /** ISO 8601, UTC. */
  readonly since: string
  /** ISO 8601, UTC; `null`: until an operator lifts it. */
  readonly until: string | null
  /** `rule:` and the rule’s name, `kill-file`, `kill-signal`, or the operator. */
  readonly by: string
}

/** Higher is stricter. */
export function strictnessOf(state: ContainmentState): number {
  return containmentStates.indexOf(state)
}

/** It may do nothing: new work is refused, and what is open is cut. */
export function isStopped(contained: Pick<Contained, 'state'> | undefined | null): boolean {
  return contained?.state === 'suspended' || contained?.state === 'killed'
}
