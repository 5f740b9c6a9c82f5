/** Why a case of OPA's suite cannot pass, and how docs/reference/builtins.md lists those. */

export interface Exception {
  readonly note: string
  readonly file: string
  readonly reason?: string
}

const reasons: readonly { readonly matches: RegExp; readonly reason: string }[] = [
  { matches: /conflicting rule for data path/, reason: 'a rule and base data at one path are refused when the policy is built' },
  { matches: /^data\/(?:toplevel|nested) integer /, reason: 'OPA’s planner looks up the keys of base data as strings' },
  { matches: /test\.sleep/, reason: 'calls test.sleep, a function that OPA registers for its own suite only' },
  { matches: /invalid utf-8 chars/, reason: 'text that is not UTF-8 is a failed function: the policy’s memory holds no other' },
]

/** `undefined`: a failure that nobody has explained. */
export function reasonFor({ note, reason = '' }: Exception): string | undefined {
  return reasons.find(({ matches }) => matches.test(`${note} ${reason}`))?.reason
}

/** Grouped by reason, each case by its folder and name. */
export function exceptionsTable(exceptions: readonly Exception[]): string {
  const groups = Map.groupBy(exceptions, ({ reason = '' }) => reason)
  return [...groups]
    .map(([reason, cases]) => {
      const names = [...Map.groupBy(cases, ({ note }) => note)].map(([note, same]) =>
        same.length > 1 ? `${note} (×${same.length})` : note,
      )
      return `**${cases.length}**: ${reason}.\n\n${names
        .sort()
        .map((name) => `- ${name}`)
        .join('\n')}\n`
    })
    .join('\n')
}

const marks = { begin: '<!-- exceptions: written by npm run conformance -->', end: '<!-- end of exceptions -->' }

export function withTable(page: string, table: string): string {
  const begin = page.indexOf(marks.begin) + marks.begin.length
  return `${page.slice(0, begin)}\n\n${table}\n${page.slice(page.indexOf(marks.end))}`
}
