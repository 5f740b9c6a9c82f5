/** `sallyport policy test`: the rules’ own tests, and how much of the rules they reach. */
import { type EngineChoice, testPolicy } from '../../policy/index.ts'
import { commandCompiler } from '../compiler.ts'
import { CommandError } from '../exit.ts'
import { readGiven } from './policy-options.ts'

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

type Report = Awaited<ReturnType<typeof testPolicy>>

export function formatTests({ tests, coverage, engine }: Report, verbose: boolean): string {
  const lines: string[] = []
  for (const { file, row, name, passed, skipped, error, output, millis, notInGateway } of tests) {
    const verdict = skipped === true ? 'SKIP' : passed ? 'PASS' : 'FAIL'
    if (notInGateway !== undefined) lines.push(`NOTE ${file}:${row} ${name} cannot be run in the gateway's engine: ${notInGateway}`)
    if (verdict === 'PASS' && !verbose) continue
    lines.push(`${verdict} ${file}:${row} ${name} (${millis.toFixed(1)} ms)${error === undefined ? '' : `: ${error}`}`)
    if (output !== undefined && output !== '')
      lines.push(
        ...output
          .trimEnd()
          .split('\n')
          .map((line) => `     ${line}`),
      )
  }
  const passed = tests.filter((test) => test.passed).length
  const reach = coverage === null ? 'how much of the rules they reach is not known without Go' : `${coverage.toFixed(1)} % of lines covered`
  return `${[...lines, `${passed} of ${tests.length} tests pass${engine === 'opa' ? " in OPA's interpreter alone" : ''}, ${reach}`].join('\n')}\n`
}

export function formatCoverage({ files }: Report): string {
  return files
    .map(
      ({ file, coverage, notCovered }) =>
        `${file}: ${coverage.toFixed(1)} %${notCovered.length === 0 ? '' : `, not covered: ${ranges(notCovered)}`}\n`,
    )
    .join('')
}

/** `[3, 4, 5, 9]` → `3-5, 9`. */
function ranges(rows: readonly number[]): string {
  const found: [number, number][] = []
  for (const row of [...new Set(rows)].sort((a, b) => a - b)) {
    const last = found.at(-1)
    if (last !== undefined && last[1] === row - 1) last[1] = row
    else found.push([row, row])
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}
