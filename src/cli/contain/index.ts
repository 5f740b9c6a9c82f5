/** `sallyport contain …`. */
export { addContainCommands } from './commands.ts'
