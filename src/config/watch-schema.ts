/** What sallyport.yaml says of watching. */
import { z } from 'zod'
import { rulesFrom } from './watch-rules.ts'
import type { WatchRules } from './watch-rules-schema.ts'

export const watchSchema = () => z.strictObject({})

export interface WatchConfig {
  readonly rules: WatchRules
}

export function watchFrom(given: z.output<ReturnType<typeof watchSchema>> | undefined): WatchConfig | null {
  return given === undefined ? null : { rules: rulesFrom() }
}
