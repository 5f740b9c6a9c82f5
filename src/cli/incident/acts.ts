/** `sallyport incident open | note | close`, asked of the running gateway. */
import { ask } from '../admin-client.ts'
import type { Shared } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'

export interface OpenFlags extends Shared {
  /** Milliseconds since the epoch. */
  readonly from?: number
  readonly to?: number
  readonly title?: string
  readonly alert?: string
}

/** Throws `CommandError`: 69 without a gateway, 1 where it refuses. */
export async function openIncident(integration: string, { config, from, to, title, alert }: OpenFlags): Promise<string> {
  const id = await act(config, '/v1/incidents', {
    integration,
    ...(from !== undefined && { from: new Date(from).toISOString() }),
    ...(to !== undefined && { to: new Date(to).toISOString() }),
    ...(title !== undefined && { title }),
    ...(alert !== undefined && { alert }),
  })
  return `opened: ${id}; "sallyport incident show ${id}" tells what happened, "sallyport incident close ${id} TEXT" ends it\n`
}

export async function noteIncident(config: string | undefined, id: string, text: string): Promise<string> {
  return `noted: ${await act(config, `/v1/incidents/${encodeURIComponent(id)}/note`, { text })}\n`
}

export async function closeIncident(config: string | undefined, id: string, text: string): Promise<string> {
  const closed = await act(config, `/v1/incidents/${encodeURIComponent(id)}/close`, { text })
  return `closed: ${closed}; "sallyport incident export ${closed} --out ${closed}" writes the report for the review\n`
}

/** The id that it is about. */
async function act(config: string | undefined, path: string, query: Readonly<Record<string, string>>): Promise<string> {
  const body = await ask(findConfig(config), 'POST', `${path}?${new URLSearchParams(query)}`)
  const { ok, problem, id = '' } = body as { readonly ok: boolean; readonly problem?: string; readonly id?: string }
  if (!ok) throw new CommandError(problem ?? 'the gateway refused')
  return id
}
