/** `sallyport policy test`: the rules’ own tests, and how much of the rules they reach. */
import { type EngineChoice, testPolicy } from '../../policy/index.ts'
import { commandCompiler } from '../compiler.ts'
import { CommandError } from '../exit.ts'
import { formatCoverage, formatTests } from './format.ts'
import { readGiven } from './shared.ts'

export interface TestFlags {
  readonly run?: string
  readonly engine?: EngineChoice
  readonly coverage?: boolean
  readonly threshold?: number
  readonly fileThreshold?: number
  readonly verbose?: boolean
  readonly json?: boolean
}

/** Prints the report, then throws `CommandError` where a test or the coverage is not good enough. */
export async function runTests(
  paths: readonly string[],
  config: string | undefined,
  flags: TestFlags,
  grants: readonly string[],
  print: (text: string) => void,
): Promise<void> {
  const { sources, data } = await readGiven(paths, config)
  const report = await testPolicy(commandCompiler().compile, sources, { run: flags.run, data, grants, engine: flags.engine ?? 'both' })
  if (flags.json === true) print(`${JSON.stringify(report)}\n`)
  else print(formatTests(report, flags.verbose === true) + (flags.coverage === true ? formatCoverage(report) : ''))
  if (report.tests.length === 0) throw new CommandError('no test was found: a test is a rule called test_… in a file called …_test.rego')
  if (report.tests.some(({ passed, skipped }) => !passed && skipped !== true)) throw new CommandError('')
  const short = tooLittle(report, flags)
  if (short.length > 0) throw new CommandError(short.join('\n'))
}

function tooLittle(
  { coverage, files }: Awaited<ReturnType<typeof testPolicy>>,
  { threshold, fileThreshold }: TestFlags,
): readonly string[] {
  // What is not measured must not pass for enough.
  if (coverage === null)
    return threshold === undefined && fileThreshold === undefined ? [] : ['coverage is asked for, and cannot be measured without Go']
  const said = (percent: number, of: string, asked: number) => `${percent.toFixed(1)} % of ${of} are covered, and ${asked} % are asked for`
  return [
    ...(threshold !== undefined && coverage < threshold ? [said(coverage, 'lines', threshold)] : []),
    ...(fileThreshold === undefined
      ? []
      : files
          .filter((file) => file.coverage < fileThreshold)
          .map((file) => said(file.coverage, `the lines of ${file.file}`, fileThreshold))),
  ]
}
