/** The views by their names in sallyport.yaml. */
import type { SinkConfig } from '../../config/index.ts'
import { jsonView } from './json.ts'
import type { View } from './view.ts'

export type ViewName = SinkConfig['view']

const views: Readonly<Record<ViewName, View>> = { json: jsonView }

export function viewNamed(name: ViewName): View {
  return views[name]
}
