/** What sinks of every type have in sallyport.yaml. */
import { z } from 'zod'
import { duration, name } from '../quantities.ts'
import type { Sourced } from '../sourced-schema.ts'

const views = ['json', 'ocsf', 'ecs', 'opa', 'cloudevents'] as const

export const commonKeys = ({ folder }: Sourced) => ({
  name: name().describe('For metrics, messages and the file that says how far the sink has come.'),
  view: z
    .enum(views)
    .describe(
      'The form of what is shipped: `json` as it is stored, `ocsf` (OCSF 1.8), `ecs` (Elastic Common Schema 9), `opa` (decisions only, as OPA’s decision log) or `cloudevents` (the stored record in an envelope of CloudEvents 1.0).',
    )
    .prefault('json'),
  rules: folder(
    'Folder of Rego (`package system.log`) that drops records, or masks parts of them, for this sink. None where absent.',
  ).optional(),
  batch: z.int().min(1).max(10_000).describe('The most records of one delivery; 1 to 10000.').prefault(500),
  timeout: duration().describe('How long a receiver may take for one delivery; then it is delivered again.').prefault('10s'),
  maxDelay: duration().describe('The longest time between two attempts while the receiver takes nothing.').prefault('30s'),
})
