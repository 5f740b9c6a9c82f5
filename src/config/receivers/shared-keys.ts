/** What receivers of alerts have in sallyport.yaml, whatever their type. */
import { z } from 'zod'
import { severities } from '../../core/index.ts'
import { duration, name } from '../quantities.ts'
import { ruleNames } from '../watch-rules-schema.ts'

const only = <Item extends z.ZodType<string>>(item: Item, what: string) =>
  z.array(item).describe(`Only alerts of these ${what}. All where empty.`).prefault([])

export const commonKeys = () => ({
  name: name().describe('For metrics, messages and `sallyport alerts test`.'),
  minSeverity: z
    .enum(severities)
    .describe('The least severity of alerts that it gets: `info`, `low`, `medium`, `high` or `critical`.')
    .prefault('low'),
  rules: only(z.enum(ruleNames), 'rules'),
  integrations: only(name(), 'integrations'),
  owners: only(z.string().min(1), 'owners, as manifests name them'),
  timeout: duration().describe('How long it may take for one message; then the message is sent again.').prefault('10s'),
  maxDelay: duration().describe('The longest time between two attempts while it takes nothing.').prefault('5m'),
  maxWaiting: z
    .int()
    .min(10)
    .max(100_000)
    .describe('The most messages that wait for it. Beyond that the oldest are given up, and it is told what it has missed.')
    .prefault(1000),
})

/** Of receivers that do not remind people themselves. */
export const remindAfter = () =>
  z
    .union([duration(), z.literal('never')], 'expected a duration such as "4h", or "never"')
    .describe('An alert that nobody acknowledges is sent again after this time, and each time after it; or `never`.')
    .prefault('4h')
