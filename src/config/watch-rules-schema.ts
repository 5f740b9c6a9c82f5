/** The schema of `watch.rules`, and of the rules that are shipped: what is noticed, how grave it is, and what is done at once. */
import { z } from 'zod'
import { longDuration, name, size } from './quantities.ts'

const severities = ['info', 'low', 'medium', 'high', 'critical'] as const

const common = {
  enabled: z.boolean().describe('Whether the rule is applied.'),
  severity: z.enum(severities).describe('How grave its findings are: `info`, `low`, `medium`, `high` or `critical`.'),
  contain: z
    .strictObject({
      state: z
        .enum(['watched', 'throttled', 'suspended', 'killed'])
        .describe('The state that the integration enters: `watched`, `throttled`, `suspended` or `killed`.'),
      for: longDuration().describe('For how long; then the integration is as it was before.'),
    })
    .describe('What is done at once to the integration of a finding. Nothing where absent.')
    .nullable()
    .optional(),
  except: z.array(name()).describe('Integrations that the rule is not applied to.'),
}

const ratio = (of: string) => z.number().min(1).max(1e6).describe(of)

const rule = <Settings extends z.core.$ZodLooseShape>(what: string, settings: Settings) =>
  z.strictObject({ ...common, ...settings }).describe(what)

const shipped = {
  'new-destination': rule('An integration uses a destination for the first time.', {
    learning: longDuration().describe('An integration has to be known for so long; before that, every destination is new.'),
    every: longDuration().describe('At most one finding per integration in this time.'),
  }),
  exfiltration: rule('A destination that is new gets a large upload.', {
    minUpload: size().describe('Bytes to a new destination that are always a finding, before anything is learned too.'),
    minLearnedUpload: size().describe('The same for an integration that is known for a day, where it sends more than it receives.'),
    ratio: ratio('With `minLearnedUpload`: how many times more is sent than received.'),
    newFor: longDuration().describe('For so long after its first use a destination is new.'),
  }),
} as const

type Shipped = typeof shipped

/** Every rule with every setting: the file that is shipped. */
export const shippedRulesSchema = z.strictObject(shipped)

const given = Object.fromEntries(Object.entries(shipped).map(([name, schema]) => [name, schema.partial().optional()])) as unknown as {
  readonly [Name in keyof Shipped]: z.ZodOptional<z.ZodType<Partial<z.output<Shipped[Name]>>>>
}

/** `watch.rules`: what replaces settings of the shipped rules. */
export const watchRulesSchema = z.strictObject(given)

/** Every rule, whole. Plain values, which are passed to another process. */
export type WatchRules = z.output<typeof shippedRulesSchema>
export type GivenWatchRules = z.output<typeof watchRulesSchema>
