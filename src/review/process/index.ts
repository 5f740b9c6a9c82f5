/** The process of a scheduled review. */
export { type ReviewRun, startReview } from './start-review.ts'
