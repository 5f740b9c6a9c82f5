/** The log of before it became a tree. */
export { closeChain } from './recover-chain.ts'
