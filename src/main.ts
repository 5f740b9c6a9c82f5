#!/usr/bin/env node
/** The `sallyport` command. */
import { CommanderError } from 'commander'
import { createProgram, exitCodes, explainFailure } from './cli/index.ts'

// Before anything asks libuv for a thread: the audit log, files of several integrations, and what they wait for, side by side.
process.env['UV_THREADPOOL_SIZE'] ??= '8'

// A reader of the output may have seen enough (`| head`): the command then ends as SIGPIPE would end it, without a message.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.unheard)
  throw error
})

try {
  const program = await createProgram(process.argv.slice(2))
  await program.parseAsync()
} catch (error) {
  // Commander has said already what is wrong with the words; help and version are not failures.
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : exitCodes.usage) : explainFailure(error)
}
