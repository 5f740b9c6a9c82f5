/** Many new or denied destinations within an hour: names that carry data, and the search for a way out. */

import type { WatchRules } from '../../config/index.ts'
import type { Flow } from '../../watch/index.ts'
import type { Integration, Moment } from '../baseline/index.ts'
import { counted, type Draft } from './draft.ts'

/** More names than this are not counted apart. */
const maxNames = 512

export function judgeDeniedNames(integration: Integration, destination: string, { denials }: WatchRules, moment: Moment): Draft | null {
  const { deniedNames } = integration
  if (deniedNames.size >= maxNames || deniedNames.has(destination)) return null
  deniedNames.add(destination)
  if (deniedNames.size < denials.minDestinations) return null
  return {
    rule: 'denials',
    destination: null,
    title: 'Requests to many destinations were denied',
    detail: `${deniedNames.size} different destinations within the hour, ${destination} the last.`,
    measures: [counted('deniedDestinationsInHour', deniedNames.size, moment)],
    weight: deniedNames.size,
  }
}

export function judgeEncodedName(integration: Integration, flow: Flow, rules: WatchRules, moment: Moment): Draft | null {
  const { minNames, minEntropy, minLabel } = rules['encoded-names']
  const { encodedNames } = integration
  const { destination, labelEntropy } = flow
  if (!(labelEntropy >= minEntropy) || longestLabel(destination) < minLabel || encodedNames.size >= maxNames) return null
  if (encodedNames.has(destination)) return null
  encodedNames.add(destination)
  if (encodedNames.size < minNames) return null
  return {
    rule: 'encoded-names',
    destination: null,
    title: 'Names of new destinations look like encoded data',
    detail: `${encodedNames.size} such names within the hour, ${destination} the last.`,
    measures: [counted('encodedNamesInHour', encodedNames.size, moment), counted('labelEntropy', labelEntropy, moment)],
    weight: encodedNames.size,
  }
}

const longestLabel = (destination: string): number => destination.split('.').reduce((longest, label) => Math.max(longest, label.length), 0)
