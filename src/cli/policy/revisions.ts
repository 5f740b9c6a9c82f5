/** `sallyport policy list`, `activate` and `rollback`, asked of the running gateway. */
import type { Config } from '../../config/index.ts'
import type { Activation, ReloadResult } from '../../policy/index.ts'
import { askGateway } from '../admin-client.ts'
import { CommandError } from '../exit.ts'

export async function listRevisions({ admin }: Config, json: boolean): Promise<string> {
  const { body } = await askGateway(admin.socketPath, 'GET', '/v1/policy')
  if (json) return `${JSON.stringify(body)}\n`
  const { active, pinned, activations } = body as Awaited<ReturnType<Activation['list']>>
  const rows = activations.map(({ revision, at, how }, index) => {
    const first = activations.findIndex((one) => one.revision === revision) === index
    const state = revision === active && first ? (pinned === null ? '  active' : '  active, pinned') : ''
    return `${at}  ${revision}  ${how.padEnd(8)}${state}\n`
  })
  return rows.join('')
}

export async function activateRevision({ admin }: Config, revision: string): Promise<string> {
  const path = revision === 'latest' ? '/v1/policy/follow' : `/v1/policy/activate/${encodeURIComponent(revision)}`
  return told(await askGateway(admin.socketPath, 'POST', path))
}

export async function rollback({ admin }: Config): Promise<string> {
  return told(await askGateway(admin.socketPath, 'POST', '/v1/policy/rollback'))
}

function told({ body }: { readonly body: unknown }): string {
  const { ok, revision, problem } = body as ReloadResult
  if (!ok) throw new CommandError(`rejected; revision ${revision} goes on deciding:\n${problem}`)
  return `active: revision ${revision}\n`
}
