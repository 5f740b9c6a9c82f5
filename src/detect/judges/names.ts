/** Many new or denied destinations within an hour: names that carry data, and the search for a way out. */

import type { WatchRules } from '../../config/index.ts'
import { counted, countText } from '../../text/index.ts'
import type { Flow } from '../../watch/index.ts'
import type { Integration, Moment } from '../baseline/index.ts'
import { type Draft, withoutBaseline } from './draft.ts'

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
    title: `Denied at ${counted(deniedNames.size, 'different destination')} within the hour`,
    detail: `The last was ${destination}. Whoever looks for a way out tries many; the rule reports from ${denials.minDestinations} on.`,
    measures: [withoutBaseline('deniedDestinationsInHour', deniedNames.size, moment)],
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
    title: `${counted(encodedNames.size, 'new or denied destination')} within the hour, with names like encoded data`,
    detail: `The last was ${destination}, with ${countText(labelEntropy)} bits per character: data may be leaving in the names. The rule counts names from ${minEntropy} bits on, and reports ${minNames}.`,
    measures: [withoutBaseline('encodedNamesInHour', encodedNames.size, moment), withoutBaseline('labelEntropy', labelEntropy, moment)],
    weight: encodedNames.size,
  }
}

const longestLabel = (destination: string): number => destination.split('.').reduce((longest, label) => Math.max(longest, label.length), 0)
