/** What sallyport.yaml says of watching. */
import { z } from 'zod'
import { rulesFrom } from './watch-rules.ts'
import { type WatchRules, watchRulesSchema } from './watch-rules-schema.ts'

export const watchSchema = () =>
  z.strictObject({
    rules: watchRulesSchema
      .describe('What replaces settings of the rules that are shipped, by the rule’s name; docs/watch/rules.md says what each looks for.')
      .optional(),
  })

export interface WatchConfig {
  readonly rules: WatchRules
}

export function watchFrom(given: z.output<ReturnType<typeof watchSchema>> | undefined): WatchConfig | null {
  return given === undefined ? null : { rules: rulesFrom(given.rules) }
}
