/** The commands for the audit log; each is registered in a file of its own. */
import type { Command } from 'commander'
import type { AddCommand } from '../every-command.ts'
import { addArchive } from './archive.ts'
import { addConsistency } from './consistency.ts'
import { addContinue } from './continue.ts'
import { addConvert } from './convert.ts'
import { addExport } from './export.ts'
import { addFollow } from './follow.ts'
import { addHold } from './hold.ts'
import { addProve } from './prove.ts'
import { addQuery } from './query.ts'
import { addReview } from './review.ts'
import { addShow } from './show.ts'
import { addTail } from './tail.ts'
import { addVerify } from './verify.ts'

export function addAuditCommands(program: Command, command: AddCommand, print: (text: string) => void): void {
  const audit = program.command('audit').description('Read and verify the audit log.')
  const add: AddCommand = (name, description) => command(name, description, audit)
  addQuery(add, print)
  addShow(add, print)
  addTail(add, print)
  addVerify(add)
  addProve(add)
  addConsistency(add)
  addExport(add)
  addConvert(add, print)
  addContinue(add)
  addArchive(add, print)
  addReview(add)
  addFollow(add)
  addHold(audit, command, print)
}
