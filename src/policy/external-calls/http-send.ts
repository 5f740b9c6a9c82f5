/** `http.send` as rules write it: its request object read, and the reply as the object that it gives (OPA's documentation of the function). */
import { z } from 'zod'
import type { ExternalReply, ExternalRequest, Json, JsonObject } from '../../core/index.ts'
import { STATUS_CODES } from '../../node-http.ts'
import type { Answer } from '../../opa/index.ts'
import { NumberOutOfRange, parseExactJson, parseJson, parseJudgedJson } from '../../text/index.ts'

/** Those that say how an answer is kept change nothing here: each decision asks again. */
const schema = z.strictObject({
  method: z.string().regex(/^[A-Za-z]{1,32}$/, 'expected a method such as "get"'),
  url: z.string(),
  headers: z.record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/), z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/)).default({}),
  body: z.unknown().optional(),
  raw_body: z.string().optional(),
  timeout: z.union([z.string(), z.number()]).optional(),
  raise_error: z.boolean().default(true),
  force_json_decode: z.boolean().default(false),
  enable_redirect: z.literal(false).optional(),
  cache: z.boolean().optional(),
  force_cache: z.boolean().optional(),
  force_cache_duration_seconds: z.number().optional(),
  caching_mode: z.string().optional(),
  cache_ignored_headers: z.array(z.string()).nullable().optional(),
})

export interface HttpSend {
  readonly request: ExternalRequest
  readonly raisesErrors: boolean
  readonly forcesJson: boolean
}

/** `operand` is a value as text. Throws an `Error` that names the parameter that cannot be obeyed. */
export function readHttpSend(operand: string, maxTimeoutMs: number): HttpSend {
  const result = schema.safeParse(parsed(operand))
  if (!result.success) throw new Error(explain(result.error.issues[0]))
  const { method, url, headers, raw_body, timeout, raise_error, force_json_decode } = result.data
  // What is sent keeps the spelling of its numbers; parameters are numbers to count with.
  const { body } = parseExactJson(operand) as { readonly body?: Json }
  const text = raw_body ?? (body === undefined ? undefined : JSON.stringify(body))
  return {
    request: {
      method: method.toUpperCase(),
      url,
      headers: Object.entries(headers).flat(),
      body: text === undefined ? null : Buffer.from(text),
      timeoutMs: Math.min(maxTimeoutMs, timeout === undefined ? maxTimeoutMs : millisecondsOf(timeout)),
    },
    raisesErrors: raise_error,
    forcesJson: force_json_decode,
  }
}

export function replyAnswer({ status, headers, body }: ExternalReply, forcesJson: boolean): Answer {
  const lists: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    lists[name] ??= []
    lists[name].push(headers[i + 1] as string)
  }
  const isJson = forcesJson || /^application\/(?:[\w.-]+\+)?json\b/i.test(lists['content-type']?.[0] ?? '')
  const raw = body.toString('utf8')
  const result: JsonObject = {
    status: `${status} ${STATUS_CODES[status] ?? ''}`.trim(),
    status_code: status,
    headers: { ...lists },
    raw_body: raw,
    body: isJson ? jsonOr(raw) : null,
  }
  return { text: JSON.stringify(result, (_key, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)) }
}

export function errorAnswer(message: string, raisesErrors: boolean): Answer {
  if (raisesErrors) return { error: message }
  return { text: JSON.stringify({ status_code: 0, error: { code: 'eval_http_send_network_error', message } }) }
}

function parsed(operand: string): unknown {
  try {
    return parseJson(operand)
  } catch {
    throw new Error('the request holds a set or another value that JSON does not have')
  }
}

function explain(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'unrecognized_keys') return `the parameter "${issue.keys[0]}" is not available here`
  const name = issue?.path.map(String).join('.') ?? ''
  return name === 'enable_redirect'
    ? 'redirects are not followed here'
    : `the parameter "${name}": ${issue?.message ?? 'is not as expected'}`
}

const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const part = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g
const durationForm = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+$/

/** Durations as Go reads them ("500ms", "1h30m"), or nanoseconds. */
function millisecondsOf(timeout: string | number): number {
  if (typeof timeout === 'number') return Math.max(1, timeout / 1e6)
  if (!durationForm.test(timeout))
    throw new Error(
      `the parameter "timeout" is ${JSON.stringify(timeout.slice(0, 40))}: expected a number of nanoseconds, or a duration such as "500ms", "2s" or "1h30m" (ns, us, ms, s, m, h)`,
    )
  return Math.max(
    1,
    [...timeout.matchAll(part)].reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (units[unit] ?? 0), 0),
  )
}

/** Throws `NumberOutOfRange`: the rules would see another number than the one that was answered. */
function jsonOr(text: string): Json {
  try {
    return parseJudgedJson(text)
  } catch (error) {
    if (error instanceof NumberOutOfRange) throw error
    return null
  }
}
