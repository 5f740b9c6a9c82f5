/** The checks, compiled: those that are shipped, which need no compiler, or together with an auditor's own. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json, JsonObject } from '../core/index.ts'
import { type Compile, harden, type LibrarySource, libraryNeedOf, type RegoSources } from '../opa/index.ts'
import {
  type BuildInputs,
  buildKept,
  type CompiledPolicy,
  compilerEnvironment,
  createPlainDocuments,
  createSession,
  hashOf,
  isRegoTest,
  loadCompiled,
  readRego,
  requireTests,
} from '../policy/index.ts'
import { parseJson } from '../text/index.ts'
import { CheckError, type Finding, readFinding } from './finding.ts'
import { type ReviewSettings, reviewRego } from './settings.ts'

export const compiledChecksFolder = join(reviewRego, 'compiled')
export const checksEntrypoint = 'sallyport/review/findings'

/** What compiles an auditor's checks. */
export interface CheckCompiler {
  readonly compile: Compile
  readonly library: LibrarySource
  /** `null`: nothing is kept. */
  readonly cacheFolder: string | null
}

export interface ChecksOptions extends CheckCompiler {
  /** A folder of Rego; `null`: the shipped checks alone. */
  readonly folder: string | null
  readonly settings: ReviewSettings
}

/** Asks every check about one integration, or about the gateway. Throws `CheckError`. */
export type Ask = (input: JsonObject, integration: string | null) => readonly Finding[]

const maxMemoryPages = 16_384
const maxEvaluationMs = 10_000

/** Throws `RegoError` or `CompilerMissing`. */
export async function openChecks({ folder, settings, compile, library, cacheFolder }: ChecksOptions): Promise<Ask> {
  const own = folder === null ? {} : await readRego(folder, '')
  if (folder !== null && Object.keys(own).length === 0) throw new CheckError(`there is no .rego file in ${folder}: no check would be asked`)
  const { wasm } = await compiled(own, { compile, library, cacheFolder })
  const documents = createPlainDocuments(await WebAssembly.compile(harden(Buffer.from(wasm))), { review: settings })
  await library.readyFor(libraryNeedOf(documents.loader.base, own))
  const session = createSession({ documents, entrypoint: checksEntrypoint, maxMemoryPages, maxEvaluationMs, library: library.now })
  const image = documents.imageFor(undefined)
  return (input, integration) => {
    try {
      return session.evaluate(image, JSON.stringify(input), Date.now(), (text) =>
        findingsIn(text).map((finding) => readFinding(finding, integration)),
      )
    } catch (error) {
      if (error instanceof CheckError) throw error
      const about = integration === null ? 'the gateway' : `the integration ${integration}`
      throw new CheckError(`a check failed on ${about}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

function findingsIn(text: string): readonly Json[] {
  const [answer] = parseJson(text) as unknown as readonly { readonly result: readonly Json[] }[]
  if (answer === undefined) throw new CheckError('the checks gave no answer')
  return answer.result
}

async function compiled(own: RegoSources, { compile, library, cacheFolder }: CheckCompiler): Promise<CompiledPolicy> {
  if (Object.keys(own).length === 0) {
    const shipped = await loadCompiled(compiledChecksFolder)
    if (shipped === null) throw new Error(`the compiled checks in ${compiledChecksFolder} are damaged; install Sallyport again`)
    return shipped
  }
  const test = () => requireTests(compile, own, { data: {}, library }, own)
  return buildKept(await checkInputs(own), compile, cacheFolder, test)
}

/** All that a build depends on. `own`: an auditor's checks and their tests, by file name. */
export async function checkInputs(own: RegoSources): Promise<BuildInputs> {
  const shipped = await readRego(reviewRego, 'sallyport/review/')
  const rules = Object.entries({ ...shipped, ...own }).filter(([name]) => !isRegoTest(name))
  const { capabilities } = await compilerEnvironment()
  const schema: unknown = JSON.parse(await readFile(join(reviewRego, '../schemas/review.json'), 'utf8'))
  const sources = Object.fromEntries(rules)
  return { sources, capabilities, schema, entrypoints: [checksEntrypoint], sourceHash: await hashOf(sources, capabilities, schema) }
}
