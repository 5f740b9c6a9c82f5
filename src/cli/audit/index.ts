/** `sallyport audit …`, and what other commands ask of a log. */
export { addAuditCommands } from './commands.ts'
export { requireLog } from './log-folder.ts'
export { folderOption, type LogFlags, withIndex } from './open-log.ts'
export { asTable, csvLine } from './output-format.ts'
