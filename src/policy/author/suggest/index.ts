/** A manifest from what was recorded. */
export { type Suggestion, type SuggestOptions, suggest } from './suggest.ts'
