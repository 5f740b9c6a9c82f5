/** A process that is killed as it keeps usage leaves what it kept before, or what it was about to keep, and nothing else. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createUsage, createUsageKeeper } from '../../src/usage/index.ts'
import { times } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { servedOutcome } from '../support/outcome.ts'

const kills = Number(process.env['SALLYPORT_KILLS'] ?? 10)
const none = { buckets: () => [], breakers: () => [] }

/** Counts requests of 200 integrations and keeps them, again and again; writes how many are kept. */
const script = (folder: string) => `
import { createUsage, createUsageKeeper } from ${JSON.stringify(join(import.meta.dirname, '../../src/usage/index.ts'))}
const usage = createUsage({ buckets: () => [], breakers: () => [] })
const keeper = createUsageKeeper({ usage, folder: ${JSON.stringify(folder)}, onProblem: (problem) => { throw new Error(problem) } })
await keeper.restore()
for (;;) {
  for (let index = 0; index < 200; index += 1) usage.settled({ name: 'i' + index }, null, { ...${JSON.stringify(servedOutcome)}, durationMs: index })
  await keeper.keep()
  process.stdout.write(usage.report(['i0'])[0].requests.allowed + '\\n')
}
`

async function killAfter(t: TestContext, folder: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script(folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (text.split('\n').length > lines) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  assert.equal(signal, 'SIGKILL')
  return Number(text.split('\n').at(-2))
}

test('SIGKILL loses nothing that was kept, whenever it comes, and leaves nothing half written', async (t) => {
  const folder = createFolder(t)
  await times(kills, async (round) => {
    const kill = round + 1

    const told = await killAfter(t, folder, 1 + (kill % 10))
    const usage = createUsage(none)
    const problems: string[] = []
    await createUsageKeeper({ usage, folder, onProblem: (problem) => void problems.push(problem) }).restore()
    assert.deepEqual(problems, [])
    const counts = new Set(usage.report(Array.from({ length: 200 }, (_, index) => `i${index}`)).map(({ requests }) => requests.allowed))
    assert.equal(counts.size, 1, 'all are of one moment')
    const [kept = 0] = counts
    assert.ok(kept >= told, `${kept} are kept, and ${told} were said to be`)
    assert.deepEqual(readdirSync(folder), ['totals.jsonl'])
  })
})
