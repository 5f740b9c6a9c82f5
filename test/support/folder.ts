/** A temporary folder with files in it, and what a decoder says of them. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { ConfigError } from '../../src/config/index.ts'

/** Removed when the test ends. */
export function createFolder(t: TestContext, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-files-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

/** The lines of the `ConfigError` that `load` must throw, without the folder. */
export async function problemsOf(folder: string, load: () => unknown): Promise<readonly string[]> {
  const error = await Promise.resolve()
    .then(load)
    .then(
      () => assert.fail('it was accepted'),
      (thrown: unknown) => thrown,
    )
  assert.ok(error instanceof ConfigError, String((error as Error).stack))
  assert.equal(error.exitCode, 78)
  return error.message.replaceAll(`${folder}/`, '').split('\n')
}
