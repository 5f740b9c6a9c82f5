/** The commands for authors of policies, and their flags. */
import { writeFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { readText } from '../../config/index.ts'
import {
  buildBundle,
  checkPolicy,
  createCompile,
  formatPolicy,
  readSources,
  type SignatureAlgorithm,
  scaffold,
  testPolicy,
  type Verification,
} from '../../policy/index.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { evaluate } from './evaluate.ts'
import { formatCoverage, formatTests } from './format.ts'
import { explain, replayLog } from './recorded.ts'
import { activateRevision, listRevisions, rollback } from './revisions.ts'

interface Shared {
  readonly config?: string
}

type AddCommand = (name: string, description: string, parent?: Command) => Command

export function addPolicyCommands(program: Command, command: AddCommand, print: (text: string) => void): void {
  const policy = program.command('policy').description('Write, test and understand policies.')

  command('check [paths...]', 'Compile rules or a bundle and check their types; every problem with file, line and column.', policy)
    .option('--verification-key <file>', 'PEM of the public key that a bundle must be signed with')
    .option('--verification-key-id <id>', 'the name of that key in signatures', 'default')
    .option('--signing-alg <name>', 'how it must be signed: RS256, ES256, PS256, EdDSA, …', 'RS256')
    .option('--scope <scope>', 'what the signature must say as its scope')
    .action(async (paths: string[], flags: Shared & VerificationFlags) => {
      const sources = await readSources(pathsOr(paths, flags.config), verificationFrom(flags))
      await checkPolicy(createCompile(), sources)
      print(`OK: ${Object.keys(sources).length} file${Object.keys(sources).length === 1 ? '' : 's'}\n`)
    })

  command('fmt [paths...]', 'Rewrite rules in OPA’s one format.', policy)
    .option('--check', 'change nothing; exit 1 where a file is not in that format')
    .action(async (paths: string[], { config, check = false }: Shared & { check?: boolean }) => {
      const changed = Object.entries(await formatPolicy(createCompile(), await readSources(pathsOr(paths, config))))
      for (const [name, text] of changed) {
        if (!check) await writeFile(name, text)
        print(`${name}\n`)
      }
      if (check && changed.length > 0)
        throw new CommandError(`not formatted: run "sallyport policy fmt ${changed.map(([name]) => name).join(' ')}"`)
    })

  command('test [paths...]', 'Run the rules’ own tests (test_… in files called …_test.rego); exit 1 where one fails.', policy)
    .option('-r, --run <regex>', 'only tests whose name matches')
    .option('--coverage', 'list the lines that no test reaches')
    .option('--threshold <percent>', 'exit 1 below this coverage', percent)
    .option('-v, --verbose', 'name the tests that pass as well')
    .option('--json', 'print JSON')
    .action(async (paths: string[], flags: Shared & TestFlags) => {
      const report = await testPolicy(createCompile(), await readSources(pathsOr(paths, flags.config)), { run: flags.run })
      if (flags.json === true) print(`${JSON.stringify(report)}\n`)
      else print(formatTests(report, flags.verbose === true) + (flags.coverage === true ? formatCoverage(report) : ''))
      if (report.tests.length === 0)
        throw new CommandError('no test was found: a test is a rule called test_… in a file called …_test.rego')
      if (report.tests.some(({ passed, skipped }) => !passed && skipped !== true)) throw new CommandError('')
      if (flags.threshold !== undefined && report.coverage < flags.threshold)
        throw new CommandError(`${report.coverage.toFixed(1)} % of lines are covered, and ${flags.threshold} % are asked for`)
    })

  command('build [paths...]', 'Build a bundle as OPA’s tools and servers hand them round.', policy)
    .option('-o, --output <file>', 'where it is written', 'bundle.tar.gz')
    .option('--revision <name>', 'its revision; else a hash of the sources')
    .action(async (paths: string[], { config, output, revision }: Shared & { output: string; revision?: string }) => {
      const sources = await readSources(pathsOr(paths, config))
      await checkPolicy(createCompile(), sources)
      const bundle = await buildBundle(createCompile(), sources, revision)
      await writeFile(output, bundle.bytes)
      print(`${output}: revision ${bundle.revision}, ${bundle.bytes.byteLength} bytes\n`)
    })

  command('eval [paths...]', 'Evaluate a query over the manifests and rules as they are on disk.', policy)
    .requiredOption('-i, --input <file>', 'input document, JSON; "-" reads standard input')
    .option('-q, --query <query>', 'what is asked', 'data.sallyport.decision')
    .option('--explain', 'tell each rule that was entered, held or failed')
    .action(async (paths: string[], flags: Shared & { input: string; query: string; explain?: boolean }) =>
      print(await evaluate(paths, flags)),
    )

  command('explain <id>', 'Say why a recorded request was decided as it was, and what would change that.', policy)
    .option('--json', 'print JSON')
    .action(async (id: string, { config, json = false }: Shared & { json?: boolean }) => print(await explain(findConfig(config), id, json)))

  command(
    'replay',
    'Judge the recorded requests again, by the manifests and rules as they are on disk; exit 1 where an answer differs.',
    policy,
  )
    .option('--rules <folder>', 'these rules instead of the configuration’s')
    .option('--integrations <folder>', 'these manifests instead of the configuration’s')
    .option('--json', 'print JSON')
    .action(async (flags: Shared & { rules?: string; integrations?: string; json?: boolean }) => {
      const { text, differs } = await replayLog(findConfig(flags.config), flags)
      print(text)
      if (differs) throw new CommandError('')
    })

  command('list', 'Show the revisions that were active, newest first.', policy)
    .option('--json', 'print JSON')
    .action(async ({ config, json = false }: Shared & { json?: boolean }) => print(await listRevisions(findConfig(config), json)))

  command(
    'activate <revision>',
    'Let an earlier revision decide, whatever lies in the folders; "latest" follows the folders again.',
    policy,
  ).action(async (revision: string, { config }: Shared) => print(await activateRevision(findConfig(config), revision)))

  command('rollback', 'Let the revision before this one decide.', policy).action(async ({ config }: Shared) =>
    print(await rollback(findConfig(config))),
  )

  command('new <name>', 'Write a first manifest, a first rule and a test for it; nothing is overwritten.', policy)
    .requiredOption('--owner <who>', 'who answers for the integration')
    .action(async (name: string, { config, owner }: Shared & { owner: string }) => {
      const { integrationsFolder, policy: settings } = findConfig(config)
      const files = await scaffold({ name, owner, integrationsFolder, rulesFolder: settings.rulesFolder })
      print(`${files.join('\n')}\n`)
      if (settings.rulesFolder === null) print('(the configuration has no policy.rules, so no rule was written)\n')
    })
}

interface VerificationFlags {
  readonly verificationKey?: string
  readonly verificationKeyId: string
  readonly signingAlg: string
  readonly scope?: string
}

function verificationFrom({ verificationKey, verificationKeyId, signingAlg, scope }: VerificationFlags): Verification | null {
  if (verificationKey === undefined) return null
  const content = readText(verificationKey)
  if ('problem' in content) throw new CommandError(`the key ${verificationKey} ${content.problem}`)
  const key = { algorithm: signingAlg as SignatureAlgorithm, key: content.text, ...(scope !== undefined && { scope }) }
  return { keys: { [verificationKeyId]: key }, keyId: verificationKeyId }
}

interface TestFlags {
  readonly run?: string
  readonly coverage?: boolean
  readonly threshold?: number
  readonly verbose?: boolean
  readonly json?: boolean
}

/** What was named, else the configuration's rules. */
export function pathsOr(paths: readonly string[], config: string | undefined): readonly string[] {
  if (paths.length > 0) return paths
  const { file, policy } = findConfig(config)
  if (policy.rulesFolder === null) throw new CommandError(`name a file or folder of rules; ${file} has no policy.rules`)
  return [policy.rulesFolder]
}

function percent(text: string): number {
  const number = Number(text)
  if (number >= 0 && number <= 100) return number
  throw new InvalidArgumentError('it is a number from 0 to 100')
}
