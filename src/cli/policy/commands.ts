/** The commands for authors of policies, and their flags. */
import { relative } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { buildBundle, checkPolicy, readData, readSources, scaffold } from '../../authoring/index.ts'
import { signatureAlgorithms } from '../../config/index.ts'
import { commandCompiler } from '../compiler.ts'
import type { AddCommand, Shared } from '../every-command.ts'
import { CommandError } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { asWarnings, type CheckFlags, check } from './check.ts'
import { evaluate } from './evaluate.ts'
import { fmt } from './fmt.ts'
import { addRecordedCommands } from './recorded-commands.ts'
import { addRevisionCommands } from './revision-commands.ts'
import { runTests, type TestFlags } from './run-tests.ts'
import { addGrantOption, type Granting, grantsOf, pathsOr } from './shared.ts'
import { writeOutput } from './write-output.ts'

export function addPolicyCommands(program: Command, command: AddCommand, print: (text: string) => void): void {
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
      print(`${files.map((one) => relative('', one)).join('\n')}\n`)
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
