/** The fallback: an `opa` on PATH builds the bundle. It does not tell what the policy reads, so everything counts as read. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type CompilerAnswer, CompilerMissing, type CompilerProblem, type CompilerRequest, everything } from './protocol.ts'

const run = promisify(execFile)

/** `cause`: why the better way is not there. Throws `CompilerMissing` where there is no `opa` either. */
export async function compileWithOpa(request: CompilerRequest, cause: unknown): Promise<CompilerAnswer> {
  if (request.command !== 'build') throw new CompilerMissing(cause)
  const version = await run('opa', ['version']).then(
    ({ stdout }) => /Version: (\S+)/.exec(stdout)?.[1] ?? '',
    () => null,
  )
  if (version === null) throw new CompilerMissing(cause)
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-opa-'))
  try {
    await writeSources(folder, request)
    const arguments_ = ['build', '-t', 'wasm', '--capabilities', join(folder, 'capabilities.json'), '-o', join(folder, 'bundle.tar.gz')]
    for (const entrypoint of request.entrypoints ?? []) arguments_.push('-e', entrypoint)
    try {
      await run('opa', [...arguments_, join(folder, 'rego')])
    } catch (error) {
      return { problems: problemsIn((error as { stderr?: string }).stderr ?? String(error), `${join(folder, 'rego')}/`) }
    }
    await run('tar', ['-xzf', join(folder, 'bundle.tar.gz'), '-C', folder, '/policy.wasm'])
    return { problems: [], opa: version, wasm: (await readFile(join(folder, 'policy.wasm'))).toString('base64'), sight: everything }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeSources(folder: string, { sources, capabilities }: CompilerRequest): Promise<void> {
  await writeFile(join(folder, 'capabilities.json'), JSON.stringify(capabilities ?? {}))
  for (const [name, text] of Object.entries(sources ?? {})) {
    if (name.endsWith('_test.rego')) continue
    const path = join(folder, 'rego', name.replace(/^\/+/, ''))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
}

function problemsIn(text: string, prefix: string): readonly CompilerProblem[] {
  const found: CompilerProblem[] = []
  for (const line of text.split('\n')) {
    const match = /(\S+\.rego):(\d+): (\w+): (.*)$/.exec(line)
    if (match !== null)
      found.push({
        file: (match[1] ?? '').replace(prefix, ''),
        row: Number(match[2]),
        column: 0,
        code: match[3] ?? '',
        message: match[4] ?? '',
      })
  }
  return found.length > 0 ? found : [{ file: '', row: 0, column: 0, code: 'opa', message: text.trim().slice(0, 2000) }]
}
