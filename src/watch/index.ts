/** Keeps an eye on what is under way. */
export { createLive } from './live.ts'
