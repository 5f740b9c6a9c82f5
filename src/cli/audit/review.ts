/** `sallyport audit review`: Rego checks over the records of a time. */
import { Option } from 'commander'
import type { Config } from '../../config/index.ts'
import { formatProof, openProver, ProofError, type Prover } from '../../proof/index.ts'
import {
  createLocalTime,
  createRevisions,
  type Finding,
  isAtLeast,
  noRevisions,
  openChecks,
  type Reviewed,
  readSettings,
  review,
  type Severity,
  severities,
} from '../../review/index.ts'
import { commandCompiler } from '../compiler.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { parseSince } from '../parse-since.ts'
import { printLine, requireLog } from './log-folder.ts'

interface ReviewFlags {
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly until?: number
  readonly folder?: string
  readonly checks?: string
  readonly settings?: string
  readonly failOn: Severity
  readonly json?: boolean
}

const dayMs = 86_400_000

export function addReview(add: AddCommand): void {
  add('review', 'Ask Rego checks about the records of a time; exit 1 where they find what is serious.')
    .option(
      '--since <time>',
      'where the window begins: "24h", "7d", "2026-01-31T08:00:00Z"',
      (text) => parseSince(text),
      Date.now() - dayMs,
    )
    .option('--until <time>', 'where it ends; else now', (text) => parseSince(text))
    .option('--folder <folder>', 'a copy of a log; no configuration is needed, and manifests are not compared')
    .option('--checks <folder>', 'checks of your own, asked beside those that are shipped; this needs the Rego compiler')
    .option('--settings <file>', 'JSON or YAML with what replaces parts of data.review, such as the office hours')
    .addOption(new Option('--fail-on <severity>', 'the least severity that makes it exit 1').choices(severities).default('medium'))
    .option('--json', 'print JSON')
    .action(async ({ config, ...flags }: Shared & ReviewFlags) => {
      const { findings } = await auditReview(flags.folder === undefined ? findConfig(config) : null, flags)
      if (findings.some(({ severity }) => isAtLeast(severity, flags.failOn))) process.exitCode = exitCodes.failure
    })
}

async function auditReview(config: Config | null, flags: ReviewFlags): Promise<Reviewed> {
  const { since, until = Date.now(), checks = null, settings: file = null, json = false } = flags
  if (until <= since) throw new CommandError('--until is not later than --since', exitCodes.usage)
  const folder = config?.audit.folder ?? flags.folder ?? ''
  const [from, to] = [new Date(since).toISOString(), new Date(until).toISOString()]
  const reviewed = await requireLog(folder, async () => {
    const settings = await readSettings(file)
    const ask = await openChecks({ folder: checks, settings, ...commandCompiler(config) })
    const local = createLocalTime(settings.officeHours.timeZone)
    return review({ folder, since: from, until: to, ask, local, revisions: config === null ? noRevisions : revisionsOf(config) })
  }).catch(asCommandError)
  const copy = config === null ? folder : null
  if (json) printLine(JSON.stringify(asJson(reviewed, folder, copy)))
  else for (const line of rows(reviewed, copy)) printLine(line)
  return reviewed
}

function revisionsOf({ state, integrationsFolder, defaults }: Config) {
  return createRevisions({ history: state.history, integrations: integrationsFolder, defaults })
}

function asCommandError(error: unknown): never {
  const { name, message } = error as Error
  throw ['CheckError', 'YAMLParseError'].includes(name) ? new CommandError(message) : error
}

interface Evidence {
  readonly index: number
  /** Of the request, where the record is about one. */
  readonly id?: string
  /** The command that proves that it is in the log. */
  readonly prove: string
}

/** `copy`: the folder that was named; `null`: the configuration's log. */
function evidenceOf({ records }: Finding, { ids }: Reviewed, copy: string | null): readonly Evidence[] {
  return records.map((index) => {
    const id = ids.get(index)
    return { index, ...(id !== undefined && { id }), prove: `sallyport audit prove ${index}${copy === null ? '' : ` --folder ${copy}`}` }
  })
}

function asJson(reviewed: Reviewed, folder: string, copy: string | null): object {
  const { since, until, records, unreadable, findings } = reviewed
  const prover = proverOf(folder)
  try {
    const proven = findings.map((finding) => ({
      ...finding,
      records: evidenceOf(finding, reviewed, copy).map((evidence) => ({ ...evidence, ...proofOf(prover, evidence.index) })),
    }))
    return { since, until, records, unreadable, findings: proven }
  } finally {
    prover?.close()
  }
}

/** `null`: the log is not signed. */
function proverOf(folder: string): Prover | null {
  try {
    return openProver(folder)
  } catch (error) {
    if (error instanceof ProofError) return null
    throw error
  }
}

/** Nothing where the record is not under a checkpoint yet. */
function proofOf(prover: Prover | null, index: number): { readonly proof?: string } {
  try {
    return prover === null ? {} : { proof: formatProof(prover.prove(index)) }
  } catch (error) {
    if (error instanceof ProofError) return {}
    throw error
  }
}

function* rows(reviewed: Reviewed, copy: string | null): Generator<string> {
  const { since, until, records, unreadable, findings } = reviewed
  const counts = severities.map((severity) => `${findings.filter((finding) => finding.severity === severity).length} ${severity}`)
  for (const finding of findings) {
    const { severity, integration, check, title, why } = finding
    yield `${severity.toUpperCase().padEnd(6)}  ${integration ?? '-'}  ${title}  (${check})`
    yield `        ${why}`
    for (const { index, id, prove } of evidenceOf(finding, reviewed, copy).slice(0, shownRecords))
      yield `        record ${index}${id === undefined ? '' : ` of ${id}`}: ${prove}`
    const more = finding.records.length - shownRecords
    if (more > 0) yield `        and ${more} more records`
  }
  if (unreadable > 0) yield `${unreadable} lines are not records and were passed over: "sallyport audit verify" tells what is wrong`
  yield `${findings.length} findings (${counts.join(', ')}) in ${records} records from ${since} to ${until}`
}

const shownRecords = 5
