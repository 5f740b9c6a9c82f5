/** `sallyport policy explain` and `replay`: what the audit log recorded, judged by the manifests and rules as they are on disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { readAudit } from '../../audit/index.ts'
import type { Config } from '../../config/index.ts'
import type { Integration } from '../../core/index.ts'
import {
  createCompile,
  createPolicy,
  type DecidedRecord,
  explainRecord,
  isDecided,
  loadManifests,
  readRules,
  replay,
  unrecorded,
} from '../../policy/index.ts'
import { CommandError, exitCodes } from '../exit.ts'

export async function explain(config: Config, id: string, json: boolean): Promise<string> {
  let found: DecidedRecord | null = null
  let refused: { code?: string; detail?: string } | null = null
  for await (const record of records(config)) {
    if ((record as { id?: unknown }).id !== id) continue
    if (isDecided(record)) found = record
    else if ((record as { type?: unknown }).type === 'refused') refused = record as { code?: string; detail?: string }
  }
  if (found === null && refused !== null) return `${id} was refused before any rule was asked: ${refused.code}: ${refused.detail}\n`
  if (found === null) throw new CommandError(`the log has no decision about ${id}; the id is what a reply carries as Sallyport-Request-Id`)
  return withPolicy(config, async ({ decide, find }) => {
    const rules = await readRules(config.policy.rulesFolder)
    const explanation = await explainRecord(found, { compile: createCompile(), rules, decide, find })
    if (json) return `${JSON.stringify(explanation)}\n`
    const { record, now, lines, change } = explanation
    const subject = Object.entries(record.subject)
      .map(([key, value]) => `${key} ${String(value)}`)
      .join(', ')
    return [
      `${record.time} ${record.integration} (${record.identity}) ${record.kind} ${record.action}: ${subject}`,
      `${record.allow ? 'allowed' : 'denied'} by ${record.rule}, revision ${record.revision}`,
      ...(record.reasons ?? []).map((reason) => `  - ${reason}`),
      ...lines.map((line) => `  rule that held: ${line}`),
      ...(change === null
        ? []
        : [
            `The smallest change that would allow it, in ${relative('', join(config.integrationsFolder, String(change['manifest'])))}:`,
            `  ${JSON.stringify(change['add'])}`,
          ]),
      now.allow === record.allow && now.rule === record.rule
        ? 'The manifests and rules on disk decide the same.'
        : `The manifests and rules on disk decide otherwise: ${now.allow ? 'allowed' : 'denied'} by ${now.rule}${now.reasons.length === 0 ? '' : ` (${now.reasons.join('; ')})`}`,
      '',
    ].join('\n')
  })
}

interface ReplayFlags {
  readonly rules?: string
  readonly integrations?: string
  readonly json?: boolean
}

export async function replayLog(
  config: Config,
  { rules, integrations, json = false }: ReplayFlags,
): Promise<{ text: string; differs: boolean }> {
  const against: Config = {
    ...config,
    integrationsFolder: integrations ?? config.integrationsFolder,
    policy: { ...config.policy, rulesFolder: rules ?? config.policy.rulesFolder },
  }
  return withPolicy(against, async ({ decide, find, needs }) => {
    if (needs.headers || needs.body)
      throw new CommandError(
        `these rules look at what the log does not hold (input.http.${unrecorded.join(', input.http.')}), so they cannot be replayed from it`,
      )
    const startedAt = performance.now()
    const { decisions, differences } = await replay(decided(config), decide, find)
    const seconds = (performance.now() - startedAt) / 1000
    if (json) return { text: `${JSON.stringify({ decisions, seconds, differences })}\n`, differs: differences.length > 0 }
    const lines = differences.map(
      ({ record, decision }) =>
        `${record.time} ${record.id} ${record.integration} ${record.kind} ${JSON.stringify(record.subject)}: ${told(record)} → ${told(decision)}\n`,
    )
    const summary = `${decisions} decisions in ${seconds.toFixed(2)} s (${Math.round(decisions / seconds)} a second), ${differences.length} differ\n`
    return { text: lines.join('') + summary, differs: differences.length > 0 }
  })
}

function told({ allow, rule }: { readonly allow: boolean; readonly rule: string }): string {
  return `${allow ? 'allowed' : 'denied'} by ${rule}`
}

async function* decided(config: Config): AsyncGenerator<DecidedRecord> {
  for await (const record of records(config)) if (isDecided(record)) yield record
}

async function* records({ audit }: Config): AsyncGenerator<unknown> {
  try {
    yield* readAudit(audit.folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new CommandError(`there is no audit log yet (${audit.folder}); it begins when the gateway first starts`, exitCodes.unavailable)
    if (code === 'EACCES') throw new CommandError(`the audit log cannot be read by you (${audit.folder})`)
    throw error
  }
}

interface Judge {
  readonly decide: ReturnType<typeof createPolicy>['decide']
  readonly needs: ReturnType<typeof createPolicy>['needs']
  find(name: string): Integration | undefined
}

async function withPolicy<T>(config: Config, use: (judge: Judge) => Promise<T>): Promise<T> {
  const { integrations } = await loadManifests(config.integrationsFolder, config.defaults)
  const byName = new Map(integrations.map((one) => [one.name, one]))
  const cacheFolder = await mkdtemp(join(tmpdir(), 'sallyport-judge-'))
  try {
    const policy = createPolicy({ ...config.policy, cacheFolder, compile: createCompile(), readContext: () => ({}), onFailure: () => {} })
    ;(await policy.prepare(integrations, await readRules(config.policy.rulesFolder))).activate()
    return await use({ decide: policy.decide, needs: policy.needs, find: (name) => byName.get(name) })
  } finally {
    await rm(cacheFolder, { recursive: true, force: true })
  }
}
