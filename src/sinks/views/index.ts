/** The forms in which records leave the log. */
export type { ViewContext } from './view.ts'
export { type ViewName, viewNamed, viewNames } from './views.ts'
