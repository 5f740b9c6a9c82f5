/** The schema of `watch.rules`, and of the rules that are shipped: what is noticed, how grave it is, and what is done at once. */
import { z } from 'zod'
import { severities } from '../core/index.ts'
import { longDuration, name, size } from './quantities.ts'

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
    .nullable()
    .optional()
    .describe('What is done at once to the integration of a finding; `null` for nothing, where the shipped rule says something.'),
  except: z.array(name()).describe('Integrations that the rule is not applied to.'),
}

const ratio = () => z.number().min(1).max(1e6).describe('How many times what is usual, at least.')
const deviations = () =>
  z
    .number()
    .min(1)
    .max(1000)
    .describe('How many deviations above the median of its baseline, at least; a deviation is 1.4826 times the median absolute deviation.')
const count = (of: string) => z.int().min(1).max(1e9).describe(of)
const share = (of: string) => z.number().positive().max(1).describe(of)

const rule = <Settings extends z.core.$ZodLooseShape>(what: string, settings: Settings) =>
  z.strictObject({ ...common, ...settings }).describe(what)

const shipped = {
  'new-destination': rule('An integration uses a destination for the first time.', {
    learning: longDuration().describe('An integration has to be known for so long; before that, every destination is new.'),
    every: longDuration().describe('At most one finding per integration in this time.'),
  }),
  exfiltration: rule('A destination that is new gets a large upload.', {
    minUpload: size().describe('Bytes within 5 minutes that are always a finding, before anything is learned too.'),
    minLearnedUpload: size().describe(
      'Bytes since the first use, for an integration that is known for a day, where it sends more than it receives.',
    ),
    ratio: z.number().min(0).max(1e6).describe('How many times more is sent than received, at least.'),
    newFor: longDuration().describe('For so long after its first use a destination is new.'),
  }),
  'upload-volume': rule('More is sent to a known destination than is usual at this hour.', {
    deviations: deviations(),
    ratio: ratio(),
    minUpload: size().describe('Bytes in 5 minutes, or in the hour, below which nothing is a finding.'),
  }),
  'download-volume': rule('More is received from a known destination than is usual at this hour.', {
    deviations: deviations(),
    ratio: ratio(),
    minDownload: size().describe('Bytes in 5 minutes, or in the hour, below which nothing is a finding.'),
  }),
  'slow-leak': rule('For hours a little more is sent to a known destination than is usual, and requests alone do not explain it.', {
    deviations: deviations(),
    ratio: ratio(),
    hours: count('Hours with more than usual, less those without, until it is a finding.'),
    minUpload: size().describe('Bytes in an hour, below which the hour is not counted.'),
  }),
  denials: rule('More requests are denied than is usual, or requests to many different destinations.', {
    deviations: deviations(),
    ratio: ratio(),
    minDenied: count('Denied requests in 5 minutes, or twice as many in the hour, below which nothing is a finding.'),
    minDestinations: count('So many different destinations denied within an hour are a finding.'),
  }),
  flood: rule('Far more requests are made than is usual at this hour.', {
    deviations: deviations(),
    ratio: ratio(),
    minRequests: count('Requests in 5 minutes, below which nothing is a finding.'),
  }),
  'odd-hour': rule('Requests are made in an hour in which there are hardly any.', {
    ratio: ratio(),
    minRequests: count('Requests in the hour, below which nothing is a finding.'),
  }),
  beaconing: rule('A destination that is new, or not used at this hour, is asked at regular intervals.', {
    // As many as src/detect/baseline/beats.ts keeps the times of, less one.
    minBeats: z.int().min(2).max(47).describe('So many intervals have to be seen; the times of the last 48 requests are known.'),
    maxJitter: share('The largest median deviation from the interval, as a share of it. Independent requests have 0.69.'),
    minSpan: longDuration().describe('For so long it has to go on.'),
    fromStart: z
      .array(name())
      .describe(
        'Integrations that it is applied to from their first request; to others once they are known for `learning` of `new-destination`, since before that each of their destinations is new.',
      ),
  }),
  'encoded-names': rule('Many new destinations have names that look like encoded data.', {
    minNames: count('So many within an hour are a finding.'),
    minEntropy: z.number().min(1).max(6).describe('Bits per character of the longest label, from which on a name looks encoded.'),
    minLabel: count('Characters of the longest label, from which on a name looks encoded.'),
  }),
  errors: rule('Most requests to a destination fail, for a while.', {
    share: share('The share of requests that fail.'),
    minRequests: count('Requests in 5 minutes, below which they say nothing.'),
    windows: count('Times 5 minutes in a row.'),
  }),
  quota: rule('A quota is nearly used.', { share: share('The share of it that is used.') }),
  breaker: rule('A breaker is open: a destination fails, and requests to it are refused.', {}),
  storage: rule('The log, its sinks or the disk are in danger.', {}),
  expiry: rule('A certificate or token ends soon.', { within: longDuration().describe('How long before its end.') }),
  reference: rule('The reference evaluator decided differently.', {}),
} as const

type Shipped = typeof shipped

/** Every rule with every setting: the file that is shipped. */
export const shippedRulesSchema = z.strictObject(shipped)

const given = Object.fromEntries(
  Object.entries(shipped).map(([name, schema]) => [
    name,
    schema
      .partial()
      .optional()
      .describe(schema.description ?? ''),
  ]),
) as unknown as {
  readonly [Name in keyof Shipped]: z.ZodOptional<z.ZodType<Partial<z.output<Shipped[Name]>>>>
}

/** `watch.rules`: what replaces settings of the shipped rules. */
export const watchRulesSchema = z.strictObject(given)

/** Every rule, whole. Plain values, which are passed to another process. */
export const ruleNames = Object.keys(shipped) as readonly (keyof Shipped)[]

export type WatchRules = z.output<typeof shippedRulesSchema>
/** By the names of integrations. */
export type RulesFor = Readonly<Record<string, WatchRules>>
export type GivenWatchRules = z.output<typeof watchRulesSchema>
