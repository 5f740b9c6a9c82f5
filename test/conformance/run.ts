/** `npm run conformance`: OPA's own test cases, from the Go module that the compiler depends on, through our engine. */
import { execFile, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { builtinLibrary, programPath } from '../../src/opa/compiler/program.ts'
import { exceptionsTable, reasonFor, withTable } from './reasons.ts'
import { createSubject, type Question } from './subject.ts'

const atLeast = 4160
const compilerFolder = join(import.meta.dirname, '../../rego/compiler')

interface Verdict {
  readonly note: string
  readonly file: string
  readonly outcome: 'passed' | 'failed' | 'excluded'
  readonly reason?: string
}

const { stdout: module } = await promisify(execFile)('go', ['list', '-m', '-f', '{{.Dir}}', 'github.com/open-policy-agent/opa'], {
  cwd: compilerFolder,
})
const cases = join(module.trim(), 'v1/test/cases/testdata')
const answer = createSubject(await WebAssembly.compile(await readFile(await programPath(builtinLibrary))))

const judge = spawn('go', ['run', './conformance', cases], { cwd: compilerFolder, stdio: ['pipe', 'pipe', 'inherit'] })
const verdicts: Verdict[] = []
for await (const line of createInterface({ input: judge.stdout })) {
  const { question, verdict } = JSON.parse(line) as { question?: Question; verdict?: Verdict }
  if (question !== undefined) judge.stdin.write(`${JSON.stringify(await answer(question))}\n`)
  if (verdict !== undefined) verdicts.push(verdict)
}

for (const [index, verdict] of verdicts.entries()) {
  const known = verdict.outcome === 'failed' ? reasonFor(verdict) : undefined
  if (known !== undefined) verdicts[index] = { ...verdict, outcome: 'excluded', reason: known }
}
const counted = (outcome: string) => verdicts.filter((verdict) => verdict.outcome === outcome)
for (const { file, note, reason } of [...counted('failed'), ...counted('excluded')]) console.log(`${file}: ${note}: ${reason}`)
const summary = {
  cases: verdicts.length,
  passed: counted('passed').length,
  failed: counted('failed').length,
  excluded: counted('excluded').length,
}
console.log(`${summary.cases} cases: ${summary.passed} passed, ${summary.failed} failed, ${summary.excluded} excluded`)
const page = join(import.meta.dirname, '../../docs/reference/builtins.md')
const table = exceptionsTable(counted('excluded'))
const text = await readFile(page, 'utf8')
if (process.argv.includes('--write')) await writeFile(page, withTable(text, table))
else if (withTable(text, table) !== text) fail('docs/reference/builtins.md lists other exceptions: run "npm run conformance -- --write"')
if (summary.failed > 0) fail('a case fails for a reason that nobody has stated (test/conformance/reasons.ts)')
if (summary.passed < atLeast) fail(`fewer than ${atLeast} passed`)

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
