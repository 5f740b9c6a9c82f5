/** OPA's packages as a native program: the same answers as the WebAssembly's, several times faster, for runs of hours. */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { CompilerAnswer } from '../../src/opa/compiler/protocol.ts'
import { type Compile, RegoError } from '../../src/opa/index.ts'
import { parseJson } from '../../src/text/index.ts'
import { root } from './installation.ts'

export async function createNativeCompile(t: TestContext): Promise<Compile> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-native-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'compiler')
  await promisify(execFile)('go', ['build', '-o', program, '.'], { cwd: join(root, 'rego/compiler') })
  return async (request) => {
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify(request))
    const chunks: Buffer[] = []
    for await (const chunk of child.stdout) chunks.push(chunk as Buffer)
    const answer = parseJson(Buffer.concat(chunks).toString('utf8')) as unknown as CompilerAnswer
    if (answer.problems.length > 0) throw new RegoError(answer.problems)
    return answer
  }
}
