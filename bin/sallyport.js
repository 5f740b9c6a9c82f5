#!/usr/bin/env node
// Starts the command on Node 24: the one that runs this where it is new enough, else the one that came with the package.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const main = join(root, 'src/main.ts')

// node:wasi runs the Rego compiler, knowingly; its warning would stand between the JSON lines of the log.
const quiet = '--disable-warning=ExperimentalWarning'

if (Number.parseInt(process.versions.node, 10) >= 24) {
  const { emitWarning } = process
  process.emitWarning = (warning, ...rest) => {
    if (rest[0] !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
  await import(main)
} else {
  const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node')
  const child = spawn(node, [quiet, main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`Node.js 24 cannot be started (${error.message}): run "npm ci" again, or use Node.js 24 or later`)
    process.exit(70)
  })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}
