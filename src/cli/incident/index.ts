/** `sallyport incident …`. */
export { addIncidentCommands } from './commands.ts'
