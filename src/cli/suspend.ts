/** `sallyport suspend` and `resume`, asked of the running gateway. */
import { type Config, duration, name as nameSchema } from '../config/index.ts'
import { ask as askGateway } from './admin-client.ts'
import { CommandError, exitCodes } from './exit.ts'

export interface SuspendFlags {
  readonly for?: string
  readonly reason?: string
}

/** Throws `CommandError`: 64 for an invalid name or duration, 69 without a gateway, 1 where the gateway does not know the integration. */
export async function suspend(config: Config, name: string, flags: SuspendFlags): Promise<string> {
  const forMs = flags.for === undefined ? null : millisecondsOf(flags.for)
  const { until } = await ask<{ readonly until: string | null }>(config, name, 'suspend', {
    ...(forMs !== null && { forMs: String(forMs) }),
    ...(flags.reason !== undefined && { reason: flags.reason }),
  })
  return `suspended: ${name}${until === null ? '' : ` until ${until}`}; "sallyport resume ${name}" ends it\n`
}

export async function resume(config: Config, name: string, reason: string | undefined): Promise<string> {
  const { pending } = await ask<{ readonly pending?: object }>(config, name, 'resume', reason === undefined ? {} : { reason })
  return pending === undefined
    ? `resumed: ${name}\n`
    : `${name} stays suspended until another operator approves: "sallyport contain approve ${name}"\n`
}

async function ask<Answer>(
  config: Config,
  name: string,
  what: 'suspend' | 'resume',
  query: Readonly<Record<string, string>>,
): Promise<Answer> {
  requireName(name)
  const path = `/v1/integrations/${encodeURIComponent(name)}/${what}?${new URLSearchParams(query)}`
  const body = await askGateway(config, 'POST', path)
  const { ok, problem } = body as { readonly ok: boolean; readonly problem?: string }
  if (!ok) throw new CommandError(problem ?? 'the gateway refused')
  return body as Answer
}

/** Throws `CommandError` (64). */
export function requireName(name: string): void {
  const refused = nameSchema().safeParse(name).error
  if (refused !== undefined) throw new CommandError(`"${name}": ${refused.issues[0]?.message}`, exitCodes.usage)
}

/** Of `--for`. Throws `CommandError` (64). */
export function millisecondsOf(text: string): number {
  const { success, data, error } = duration().safeParse(text)
  if (!success) throw new CommandError(`--for ${text}: ${error.issues[0]?.message}`, exitCodes.usage)
  return data
}
