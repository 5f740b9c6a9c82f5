/** `sallyport policy list`, `activate` and `rollback`, asked of the running gateway. */
import type { Config } from '../../config/index.ts'
import { type Activation, describeChanges, type ReloadResult } from '../../rollout/index.ts'
import { ask } from '../admin-client.ts'
import { CommandError } from '../exit.ts'
import { readKept } from './policy-sources.ts'

export async function listRevisions(config: Config, json: boolean): Promise<string> {
  const body = await ask(config, 'GET', '/v1/policy')
  if (json) return `${JSON.stringify(body)}\n`
  const { active, pinned, activations } = body as Awaited<ReturnType<Activation['list']>>
  const rows = activations.map(({ revision, at, how }, index) => {
    const first = activations.findIndex((activation) => activation.revision === revision) === index
    const state = revision === active && first ? (pinned === null ? '  active' : '  active, pinned') : ''
    return `${at}  ${revision}  ${how.padEnd(8)}${state}\n`
  })
  return rows.join('')
}

/** What it is made of, and each time that it came to decide. */
export async function showRevision(config: Config, name: string, json: boolean): Promise<string> {
  const { revision, activations, manifests, rules, bundles } = await readKept(config, name)
  const bundleRevisions = Object.fromEntries([...bundles].map(([bundle, { revision: its }]) => [bundle, its]))
  if (json) return `${JSON.stringify({ revision, activations, manifests, rules, bundles: bundleRevisions })}\n`
  const came = activations.map(({ at, how, by = '', changed = {} }) => {
    const changes = describeChanges(changed)
    return `${at}  ${how}${by === '' ? '' : ` (${by})`}${changes === '' ? '' : `  ${changes}`}\n`
  })
  const texts = [...Object.entries(manifests), ...Object.entries(rules)].map(([file, text]) => `\n== ${file}\n${text.trimEnd()}\n`)
  const held = Object.entries(bundleRevisions).map(([bundle, its]) => `bundle ${bundle}: ${its === '' ? 'names no revision' : its}\n`)
  return [`revision ${revision}\n`, ...came, ...held, ...texts].join('')
}

export async function activateRevision(config: Config, revision: string): Promise<string> {
  const path = revision === 'latest' ? '/v1/policy/follow' : `/v1/policy/activate/${encodeURIComponent(revision)}`
  return describeResult(await ask(config, 'POST', path, { isSlow: true }))
}

export async function rollback(config: Config): Promise<string> {
  return describeResult(await ask(config, 'POST', '/v1/policy/rollback', { isSlow: true }))
}

function describeResult(body: unknown): string {
  const { ok, revision, problem } = body as ReloadResult
  if (!ok) throw new CommandError(`rejected; revision ${revision} stays active:\n${problem}`)
  return `active: revision ${revision}\n`
}
