/** `sallyport policy …`. */
export { addPolicyCommands } from './commands.ts'
