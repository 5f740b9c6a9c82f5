/** Builds the programs in Go of test/support, whose modules Go's own client fetches. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { command } from './command.ts'
import { goProgram } from './tools.ts'

export interface GoProgram {
  readonly program: string
  /** Why it cannot be built here; `null` where it was. */
  readonly missing: string | null
}

/** `name`: of its folder below test/support. */
export async function buildGoProgram(t: Pick<TestContext, 'after'>, name: string): Promise<GoProgram> {
  const go = await goProgram()
  if (go.missing !== null) return go
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  t.after(() => rmSync(folder, { recursive: true }))
  const program = join(folder, name)
  const { code, stderr } = await command(go.program, ['-C', join(import.meta.dirname, name), 'build', '-o', program, '.'])
  return { program, missing: code === 0 ? null : `Go cannot build test/support/${name}: ${stderr.trim().slice(-300)}` }
}
