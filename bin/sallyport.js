#!/usr/bin/env node
// Starts the command on Node 24: the one that runs this where it is new enough, else the one that came with the package.
import { spawn } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const main = join(root, 'src/main.ts')
const words = process.argv.slice(2)

// node:wasi runs the Rego compiler, knowingly; its warning would stand between the JSON lines of the log.
const quiet = '--disable-warning=ExperimentalWarning'

if (words.length === 1 && ['-V', '--version'].includes(words[0])) {
  // Asked of each installation by scripts: nothing is loaded for it.
  process.stdout.write(`${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`)
} else if (Number.parseInt(process.versions.node, 10) >= 24) {
  const { emitWarning } = process
  process.emitWarning = (warning, ...rest) => {
    if (rest[0] !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
  const cache = codeCache()
  if (cache !== null) module.enableCompileCache(cache)
  await import(main).catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    refuse(`a package that it needs is not installed: run "npm ci" in ${root} (${error.message})`)
  })
} else {
  const node = packagedNode()
  const cache = codeCache()
  const env = cache === null ? process.env : { ...process.env, NODE_COMPILE_CACHE: cache }
  const child = spawn(node, [quiet, main, ...words], { stdio: 'inherit', env })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) =>
    refuse(`Node.js 24 cannot be started (${error.message}): run "npm ci" again in ${root}, or use Node.js 24 or later`),
  )
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

/** The path of the Node.js that came with the package. */
function packagedNode() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node')
  } catch {
    return refuse(`Node.js ${process.versions.node} is too old, and the package's own is not installed: run "npm ci" in ${root}`)
  }
}

/** EX_SOFTWARE: nothing of what was asked has happened. */
function refuse(message) {
  console.error(message)
  process.exit(70)
}

/**
 * Code whose types were stripped and that was compiled before: half the time of a start, and 20 MiB less, for the stripping
 * itself is not loaded. It lies beside the dependencies, where whoever may write it may write the code as well; where the
 * installation cannot be written, what an image made there is read. `null`: another user could have put something there.
 */
function codeCache() {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return null
  const folder = join(root, 'node_modules/.cache/sallyport')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 })
  } catch {
    // Perhaps it is there.
  }
  try {
    const { uid, mode } = lstatSync(folder)
    const isOurs = process.getuid === undefined || uid === process.getuid() || uid === 0
    return isOurs && (mode & 0o022) === 0 ? folder : null
  } catch {
    return null
  }
}
