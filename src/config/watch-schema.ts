/** What sallyport.yaml says of watching. */
import { z } from 'zod'
import { isTimeZone } from '../text/index.ts'
import { duration, name } from './quantities.ts'
import { type ReceiverConfig, receiversSchema } from './receivers/index.ts'
import type { Sourced } from './sourced-schema.ts'
import { rulesForFrom, rulesFrom } from './watch-rules.ts'
import { type RulesFor, type WatchRules, watchRulesSchema } from './watch-rules-schema.ts'

export const watchSchema = (sourced: Sourced) =>
  z.strictObject({
    receivers: receiversSchema(sourced),
    resolveAfter: duration().describe('An alert that is not found again for so long is resolved.').prefault('1h'),
    timeZone: z
      .string()
      .refine(isTimeZone, 'expected the name of a time zone, such as "Europe/Berlin"')
      .describe(
        'Where hours of the week are meant: of what is usual, and of quiet hours. A name of the IANA database, such as `Europe/Berlin`.',
      )
      .prefault('UTC'),
    rules: watchRulesSchema
      .describe('What replaces settings of the rules that are shipped, by the rule’s name; docs/watch/rules.md says what each looks for.')
      .optional(),
    rulesFor: z
      .record(name(), watchRulesSchema.meta({ id: 'watch.rules' }))
      .describe('The same for single integrations, by their names: what replaces settings of the rules for this integration alone.')
      .prefault({}),
  })

/** Durations in milliseconds. Plain values, which are passed to another process. */
export interface WatchConfig {
  readonly rules: WatchRules
  /** Of integrations that have rules of their own: all of theirs. */
  readonly rulesFor: RulesFor
  readonly timeZone: string
  readonly receivers: readonly ReceiverConfig[]
  readonly resolveAfterMs: number
}

export function watchFrom(given: z.output<ReturnType<typeof watchSchema>> | undefined): WatchConfig | null {
  if (given === undefined) return null
  const { receivers, timeZone, resolveAfter: resolveAfterMs } = given
  return { rules: rulesFrom(given.rules), rulesFor: rulesForFrom(given.rules, given.rulesFor), timeZone, receivers, resolveAfterMs }
}
