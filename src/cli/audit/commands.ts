/** The commands for the audit log; each is registered in a file of its own, which is loaded where it may be meant. */
import type { Command } from 'commander'
import type { AddCommand, Registering } from '../every-command.ts'

type Add = (add: AddCommand, print: (text: string) => void, audit: Command) => void

/** In the order of help. */
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  query: async () => (await import('./query.ts')).addQuery,
  show: async () => (await import('./show.ts')).addShow,
  tail: async () => (await import('./tail.ts')).addTail,
  verify: async () => (await import('./verify.ts')).addVerify,
  prove: async () => (await import('./prove.ts')).addProve,
  consistency: async () => (await import('./consistency.ts')).addConsistency,
  export: async () => (await import('./export.ts')).addExport,
  convert: async () => (await import('./convert.ts')).addConvert,
  continue: async () => (await import('./continue.ts')).addContinue,
  archive: async () => (await import('./archive.ts')).addArchive,
  review: async () => (await import('./review.ts')).addReview,
  follow: async () => (await import('./follow.ts')).addFollow,
  hold: async () => (await import('./hold.ts')).addHold,
}

export async function addAuditCommands({ program, command, print, words: [, word = ''] }: Registering): Promise<void> {
  const audit = program.command('audit').description('Read and verify the audit log.')
  const add: AddCommand = (name, description, parent = audit) => command(name, description, parent)
  const meant = Object.hasOwn(commands, word) ? [word] : Object.keys(commands)
  for (const name of meant) (await commands[name]?.())?.(add, print, audit)
}
