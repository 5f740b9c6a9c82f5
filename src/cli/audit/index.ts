/** `sallyport audit …`. */
export { addAuditCommands } from './commands.ts'
