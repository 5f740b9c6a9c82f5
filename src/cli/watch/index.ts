/** `sallyport watch …`. */
export { addWatchCommands } from './commands.ts'
