/** The views by their names in sallyport.yaml. */
import type { SinkConfig } from '../../config/index.ts'
import { cloudEventsView } from './cloudevents.ts'
import { ecsView } from './ecs.ts'
import { jsonView } from './json.ts'
import { ocsfView } from './ocsf/index.ts'
import { opaView } from './opa.ts'
import type { View } from './view.ts'

export type ViewName = SinkConfig['view']

const views: Readonly<Record<ViewName, View>> = {
  json: jsonView,
  ocsf: ocsfView,
  ecs: ecsView,
  opa: opaView,
  cloudevents: cloudEventsView,
}

export const viewNames = Object.keys(views) as readonly ViewName[]

export function viewNamed(name: ViewName): View {
  return views[name]
}
