/** What is open, and is judged again. */
export { createLive } from './live.ts'
