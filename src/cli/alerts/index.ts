/** `sallyport alerts …`. */
export { addAlertCommands } from './commands.ts'
