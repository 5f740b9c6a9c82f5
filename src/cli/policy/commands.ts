/** The commands for authors of policies, and their flags. */
import { relative } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { buildBundle, checkPolicy, readData, readSources, scaffold } from '../../authoring/index.ts'
import { signatureAlgorithms } from '../../config/index.ts'
import { visibleLines } from '../../text/index.ts'
import { commandCompiler } from '../compiler.ts'
import type { AddCommand, Registering, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { parseSince } from '../parse-since.ts'
import { asWarnings, type CheckFlags, check } from './check.ts'
import { diffRevisions } from './diff.ts'
import { evaluate } from './evaluate.ts'
import { explain } from './explain.ts'
import { fmt } from './fmt.ts'
import { addGrantOption, type Granting, grantsOf, pathsOr, writeOutput } from './policy-options.ts'
import { type ReplayFlags, replayLog } from './replay.ts'
import { activateRevision, listRevisions, rollback, showRevision } from './revisions.ts'
import { runTests, type TestFlags } from './run-tests.ts'
import { type SuggestFlags, suggestManifest } from './suggest.ts'

export function addPolicyCommands({ program, command, print }: Registering): void {
  const policy = program.command('policy').description('Write, test and understand policies.')

  const granting = (...given: Parameters<AddCommand>) => addGrantOption(command(...given))

  granting('check [paths...]', 'Compile rules or a bundle and check their types; every problem with file, line and column.', policy)
    .option('--verification-key <file>', 'PEM of the public key that a bundle must be signed with')
    .option('--verification-key-id <id>', 'the name of that key in signatures', 'default')
    .addOption(new Option('--signing-alg <name>', 'how it must be signed').choices(signatureAlgorithms).default('RS256'))
    .option('--scope <scope>', 'what the signature must say as its scope')
    .option('--json', 'print JSON, for editors')
    .action(async (paths: string[], flags: Shared & Granting & CheckFlags) => {
      const { text, ok } = await check(paths, flags.config, flags, grantsOf(paths, flags))
      print(text)
      if (!ok) throw new CommandError('')
    })

  command('fmt [paths...]', 'Rewrite rules in OPA’s one format; "-" reads standard input and prints.', policy)
    .option('--check', 'change nothing; exit 1 where a file is not in that format')
    .action(async (paths: string[], { config, check: only = false }: Shared & { check?: boolean }) =>
      fmt(pathsOr(paths, config), only, print),
    )

  granting('test [paths...]', 'Run the rules’ own tests (test_… in files called …_test.rego); exit 1 where one fails.', policy)
    .option('-r, --run <regex>', 'only tests whose name matches')
    .option('--coverage', 'list the lines that no test reaches')
    .option('--threshold <percent>', 'exit 1 below this coverage', percent)
    .option('--file-threshold <percent>', 'exit 1 where one file is below this', percent)
    .addOption(engineOption(['both', 'gateway', 'opa'], 'where tests run: "both" fails a test on which they differ'))
    .option('-v, --verbose', 'name the tests that pass as well')
    .option('--json', 'print JSON: each test, and each file’s covered and uncovered lines')
    .action(async (paths: string[], flags: Shared & Granting & TestFlags) =>
      runTests(paths, flags.config, flags, grantsOf(paths, flags), print),
    )

  granting('build [paths...]', 'Build a bundle as OPA’s tools and servers hand them round.', policy)
    .option('-o, --output <file>', 'where it is written', 'bundle.tar.gz')
    .option('--revision <name>', 'its revision; else a hash of the sources')
    .action(async (paths: string[], flags: Shared & Granting & { output: string; revision?: string }) => {
      const { config, output, revision } = flags
      const grants = grantsOf(paths, flags)
      const named = pathsOr(paths, config)
      const sources = await readSources(named)
      // What rests on the data would be open without it.
      const data = await readData(named)
      const { compile } = commandCompiler()
      const warnings = await checkPolicy(compile, sources, grants, data)
      const bundle = await buildBundle(compile, sources, { revision, grants, data })
      await writeOutput(output, bundle.bytes)
      print(`${asWarnings(warnings)}${output}: revision ${bundle.revision}, ${bundle.bytes.byteLength} bytes\n`)
    })

  granting('eval [paths...]', 'Evaluate a query over the manifests and rules as they are on disk.', policy)
    .requiredOption('-i, --input <file>', 'input document, JSON; "-" reads standard input')
    .option('-q, --query <query>', 'what is asked', 'data.sallyport.decision')
    .addOption(engineOption(['opa', 'gateway'], 'who evaluates: OPA’s interpreter, or what decides in the gateway'))
    .option('--explain', 'tell each rule that was entered, held or failed')
    .action(async (paths: string[], flags: Shared & Granting & Parameters<typeof evaluate>[1]) => print(await evaluate(paths, flags)))

  addRecordedCommands(policy, command, print)
  addRevisionCommands(policy, command, print)

  command('new <name>', 'Write a first manifest, a first rule and a test for it; nothing is overwritten.', policy)
    .requiredOption('--owner <who>', 'who answers for the integration')
    .action(async (name: string, { config, owner }: Shared & { owner: string }) => {
      const { integrationsFolder, policy: settings } = findConfig(config)
      const files = await scaffold({ name, owner, integrationsFolder, rulesFolder: settings.rulesFolder })
      print(`${files.map((file) => relative('', file)).join('\n')}\n`)
      if (settings.rulesFolder === null) print('(the configuration has no policy.rules, so no rule was written)\n')
    })
}

function engineOption(engines: readonly string[], meaning: string): Option {
  return new Option('--engine <engine>', meaning).choices([...engines]).default(engines[0])
}

function percent(text: string): number {
  const number = Number(text)
  if (number >= 0 && number <= 100) return number
  throw new InvalidArgumentError('it is a number from 0 to 100')
}

/** Placed among the `policy` commands. */
export function addRecordedCommands(policy: Command, command: AddCommand, print: (text: string) => void): void {
  command('explain <id>', 'Say why a recorded request was decided as it was, and what would change that.', policy)
    .option('--json', 'print JSON')
    .action(async (id: string, { config, json = false }: Shared & { json?: boolean }) =>
      print(visibleLines(await explain(findConfig(config), id, json))),
    )

  command('replay', 'Decide the recorded requests again; exit 1 where an answer differs.', policy)
    .option('--against <revision>', 'a kept revision, "active", or "latest" for what lies on disk', 'latest')
    .option('--rules <folder>', 'these rules instead of the configuration’s')
    .option('--integrations <folder>', 'these manifests instead of the configuration’s')
    .option('--integration <name>', 'only what this one asked')
    .option('--since <time>', 'only what was asked since: "2h", "7d", "2026-01-31T08:00:00Z"', (text) => parseSince(text))
    .option('--id <id>', 'only this request')
    .option('--reference', 'ask OPA’s own SDK as well, and exit 1 where it answers otherwise than the gateway’s evaluator')
    .option('--json', 'print JSON')
    .action(async ({ config, ...flags }: Shared & ReplayFlags) => {
      if (flags.against !== 'latest' && (flags.rules !== undefined || flags.integrations !== undefined))
        throw new CommandError(
          '--rules and --integrations take the place of what lies on disk: not together with --against',
          exitCodes.usage,
        )
      const { text, differs } = await replayLog(findConfig(config), flags)
      print(visibleLines(text))
      if (differs) throw new CommandError('')
    })

  command('suggest <name>', 'Write the smallest manifest that covers what an integration was recorded asking, for review.', policy)
    .addOption(new Option('--only <what>', 'only what was allowed, or denied; else both').choices(['allowed', 'denied']))
    .option('--since <time>', 'only what was asked since: "2h", "7d", "2026-01-31T08:00:00Z"', (text) => parseSince(text))
    .option('--siblings <count>', 'more different names than this in one place of a path become "*"', wholeNumber, 10)
    .option('--owner <who>', 'who answers for it, where it has no manifest yet')
    .option('-o, --output <file>', 'write it there; a file that exists is not touched')
    .action(async (name: string, { config, ...flags }: Shared & SuggestFlags) =>
      print(await suggestManifest(findConfig(config), name, flags)),
    )
}

function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('it is a whole number')
}

/** Placed among the `policy` commands. */
export function addRevisionCommands(policy: Command, command: AddCommand, printAsIs: (text: string) => void): void {
  // Manifests and rules may hold anything, such as what moves a terminal's cursor or turns its text around.
  const print = (text: string) => printAsIs(visibleLines(text))

  command('list', 'Show the revisions that were active, newest first.', policy)
    .option('--json', 'print JSON')
    .action(async ({ config, json = false }: Shared & { json?: boolean }) => print(await listRevisions(findConfig(config), json)))

  command('show <revision>', 'Show what a revision is made of, and how it came to decide; "active" is the present one.', policy)
    .option('--json', 'print JSON')
    .action(async (revision: string, { config, json = false }: Shared & { json?: boolean }) =>
      print(await showRevision(findConfig(config), revision, json)),
    )

  command(
    'activate <revision>',
    'Activate an earlier revision, whatever is in the folders; "latest" follows the folders again.',
    policy,
  ).action(async (revision: string, { config }: Shared) => print(await activateRevision(findConfig(config), revision)))

  command('rollback', 'Let the revision before this one decide.', policy).action(async ({ config }: Shared) =>
    print(await rollback(findConfig(config))),
  )

  command('diff [from] [to]', 'Say what another revision allows and no longer allows; exit 1 where they differ.', policy)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nA revision, "active", or "latest" for what lies on disk; else from "active" to "latest".')
    .action(async (from: string | undefined, to: string | undefined, { config, json = false }: Shared & { json?: boolean }) => {
      const { text, differs } = await diffRevisions(findConfig(config), from ?? 'active', to ?? 'latest', json)
      print(text)
      if (differs) throw new CommandError('')
    })
}
