/** Tests, coverage and decisions as people read them. */
import type { testPolicy } from '../../policy/index.ts'

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
