/** The schema of what is reported to OPA's services: decisions and status. */
import { z } from 'zod'
import { duration, size } from './quantities.ts'
import { suggest } from './schema-messages.ts'

const mebi = 1024 ** 2

/** What every report says about the gateway that sends it. */
export interface ReportPlace {
  /** Name of one of `policy.servers`. */
  readonly server: string
  /** Below the server's URL. */
  readonly resource: string
  readonly minDelayMs: number
  readonly maxDelayMs: number
}

export interface DecisionLogConfig extends ReportPlace {
  readonly maxUploadBytes: number
  readonly maxBufferBytes: number
  /** `null`: no bound. */
  readonly maxDecisionsPerSecond: number | null
  /** For the masks of one event. */
  readonly maxEvaluationMs: number
}

const inOrder = (bounds: { readonly minDelay: number; readonly maxDelay: number }) => bounds.minDelay <= bounds.maxDelay
const disorder = { error: 'minDelay is longer than maxDelay' }
const server = () => z.string().describe('Name of one of `policy.servers`.')
const resource = (path: string) => z.string().min(1).describe('Path below the server’s URL.').prefault(path)

export const decisionLogSchema = z
  .strictObject({
    server: server(),
    resource: resource('/logs'),
    minDelay: duration().describe('The least time between two rounds of uploads.').prefault('5s'),
    maxDelay: duration().describe('The longest time, also between two attempts while the server does not accept them.').prefault('10s'),
    uploadSizeLimit: size(256, 64 * mebi)
      .describe('Compressed bytes of one upload.')
      .prefault(32_768),
    bufferSize: size(1024)
      .describe('Events that may wait; beyond it the oldest events of the integration that has most are dropped and counted.')
      .prefault('16MiB'),
    maxDecisionsPerSecond: z
      .number()
      .positive()
      .describe('Events beyond it are counted instead of reported; each integration has its share. No limit where absent.')
      .optional(),
    maxEvaluation: duration()
      .describe('Masks (`package system.log`) that take longer on one event are stopped, and the event is dropped.')
      .prefault('5ms'),
  })
  .refine(inOrder, disorder)

export const statusSchema = z
  .strictObject({
    server: server(),
    resource: resource('/status'),
    minDelay: duration().describe('The least time between two reports while nothing changes.').prefault('30s'),
    maxDelay: duration().describe('The longest time, also between two attempts while the server does not accept them.').prefault('60s'),
  })
  .refine(inOrder, disorder)

export const labelsSchema = z.record(
  z
    .string()
    .regex(/^[A-Za-z_][\w.-]{0,62}$/, 'expected a name of letters, digits, "_", "." and "-"')
    .refine((key) => key !== 'id' && key !== 'version', '"id" and "version" are the gateway’s own'),
  z.string().max(256),
)

interface Policy {
  readonly servers: readonly { readonly name: string }[]
  readonly decisionLog?: { readonly server: string } | undefined
  readonly status?: { readonly server: string } | undefined
}

/** Over `policy`: the servers that reports go to are there. */
export function refuseUnknownServers({ servers, decisionLog, status }: Policy, context: z.core.$RefinementCtx): void {
  const known = servers.map((server) => server.name)
  for (const [key, place] of Object.entries({ decisionLog, status })) {
    if (place === undefined || known.includes(place.server)) continue
    const message = `policy.servers has no "${place.server}"${suggest(place.server, known)} (known: ${known.join(', ') || 'none'})`
    context.addIssue({ code: 'custom', path: [key, 'server'], message })
  }
}

export function decisionLogFrom(given: z.output<typeof decisionLogSchema> | undefined): DecisionLogConfig | null {
  if (given === undefined) return null
  return {
    ...placeFrom(given),
    maxUploadBytes: given.uploadSizeLimit,
    maxBufferBytes: given.bufferSize,
    maxDecisionsPerSecond: given.maxDecisionsPerSecond ?? null,
    maxEvaluationMs: given.maxEvaluation,
  }
}

export function statusFrom(given: z.output<typeof statusSchema> | undefined): ReportPlace | null {
  return given === undefined ? null : placeFrom(given)
}

function placeFrom(given: z.output<typeof statusSchema>): ReportPlace {
  return { server: given.server, resource: given.resource, minDelayMs: given.minDelay, maxDelayMs: given.maxDelay }
}
