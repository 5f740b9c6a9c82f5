/** `sallyport drill …`. */
export { addDrillCommands } from './commands.ts'
