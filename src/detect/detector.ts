/** The detector: slices go in, findings come out. It has no clock but the slices' times, and no timer. */

import type { RulesFor, WatchRules } from '../config/index.ts'
import { type Flow, notDestinations, type Slice } from '../watch/index.ts'
import {
  type Added,
  add,
  addHash,
  closeHour,
  closeWindow,
  createClock,
  createRegistry,
  createWeek,
  field,
  type Integration,
  type Learned,
  type Moment,
  noWindow,
  type Pair,
  sane,
} from './baseline/index.ts'
import type { Finding } from './finding.ts'
import {
  type Draft,
  isIdleHour,
  isLearned,
  judgeDeniedNames,
  judgeEncodedName,
  judgeErrors,
  judgeEvent,
  judgeFirstUse,
  judgeLeak,
  judgeRegularity,
  judgeUpload,
} from './judges/index.ts'
import { createJudging } from './judging.ts'
import { type Score, scoreOf } from './scores.ts'
import type { BaselineStore } from './store.ts'
import { type Usual, usualOf } from './usual.ts'
import type { WatchEvent } from './watch-event.ts'

export interface Detector {
  take(slice: Slice): readonly Finding[]
  event(event: WatchEvent): readonly Finding[]
  /** `null`: nothing is known of it. */
  usual(integration: string): Usual | null
  /** Of one integration, or of all as wholes; the most unusual first. */
  scores(integration?: string): readonly Score[]
  /** Writes what was learned to the store: all of it, or some of it, as often as there is time for that. */
  save(): void
  saveSome(): void
  /** How much there is to judge by. */
  learned(): Learned
}

export interface Watched {
  readonly rules: WatchRules
  /** All rules of integrations that have their own; none where absent. */
  readonly rulesFor?: RulesFor
  readonly baselines: BaselineStore
  /** In which hours of the week are meant; UTC where absent. */
  readonly timeZone?: string
}

/** What is counted of the integration only. */
const noDestinations: ReadonlySet<string> = new Set([notDestinations.none, notDestinations.self])
/** In place of the integration, for callers that proved none: many may be behind it. */
const unidentified = '-'
/** Rows of the last hour that are closed with each slice, beside those that are in it: no slice waits for all. */
const closedPerSlice = 512
/** Of slices of some seconds, all together; a longer one has the time, and no other will come soon. */
const closedPerShortSlice = 2000
const longSliceMs = 10_000
/** Longer names are cut: no row of the store grows with what an integration asks for. */
const maxNameLength = 300

export function createDetector({ rules, rulesFor = {}, baselines, timeZone = 'UTC' }: Watched): Detector {
  const registry = createRegistry(baselines)
  const judging = createJudging(rules, rulesFor)
  const week = createWeek(timeZone)
  const clock = createClock(week)
  let toClose: Pair[] = []
  let hour = Number.NaN
  let closings = 0

  /** Ends what is over of a row. Findings are of the time that ended. */
  const goOn = (pair: Pair, integration: Integration, moment: Moment): readonly Draft[] => {
    const { floats, at } = pair
    if (floats[at + field.window] === moment.window) return []
    // Its sums go on for a few seconds into the next hour.
    if (floats[at + field.hour] !== moment.hour && closings-- <= 0) return []
    const isWhole = pair === integration.whole
    const { rules, volumes } = judging(integration.name)
    const found = isWhole ? [] : [judgeErrors(pair, rules, moment)]
    const isOpened = floats[at + field.window] === noWindow
    if (!isOpened) closeWindow(pair)
    floats[at + field.window] = moment.window
    if (floats[at + field.hour] !== moment.hour) {
      if (!isWhole && (floats[at + field.hour] ?? 0) < moment.hour) found.push(judgeLeak(pair, rules, moment))
      closeHour(pair, registry.profile(pair), moment.hour, week, isWhole ? integration.destinations : null)
      if (isWhole) {
        integration.destinations = 0
        integration.deniedNames.clear()
        integration.encodedNames.clear()
      }
    } else if (!isOpened) return found.filter((draft) => draft !== null)
    volumes.setLimits(pair, isWhole)
    return found.filter((draft) => draft !== null)
  }

  const closeSome = (count: number, moment: Moment): readonly Finding[] => {
    if (hour !== moment.hour) {
      toClose = [...registry.integrations().values()].flatMap(({ pairs }) =>
        [...pairs.values()].filter((pair) => pair.floats[pair.at + field.hour] === hour),
      )
      hour = moment.hour
    }
    const found: Finding[] = []
    for (const pair of toClose.splice(-count)) {
      const integration = registry.integrations().get(pair.integration)
      // It may have been forgotten since.
      if (integration?.pairs.get(pair.destination) !== pair) continue
      found.push(...judging(integration.name).reporter.report(integration, goOn(pair, integration, moment), [], moment.at))
    }
    return found
  }

  const observe = (flow: Flow, moment: Moment): readonly Finding[] => {
    const integration = registry.integration(flow.integration, moment.window)
    integration.owner = flow.owner
    const { whole } = integration
    const { rules, volumes, reporter } = judging(integration.name)
    const drafts: Draft[] = [...goOn(whole, integration, moment)]
    const added = addedBy(flow)
    add(whole, added, moment.window)
    drafts.push(...volumes.judge(whole, true, moment))
    const destination = flow.destination.slice(0, maxNameLength)
    if (added.denied > 0 && !noDestinations.has(destination)) push(drafts, judgeDeniedNames(integration, destination, rules, moment))
    const isAllowed = added.requests > added.denied + sane(flow.limited) || added.sentBytes > 0 || added.receivedBytes > 0
    if (noDestinations.has(destination) || flow.integration === unidentified)
      return reporter.report(integration, drafts, flow.ids, moment.at)
    if (isAllowed) judgePair(integration, destination, flow, added, drafts, moment)
    else push(drafts, judgeEncodedName(integration, flow, rules, moment))
    return drafts.length === 0 ? [] : reporter.report(integration, drafts, flow.ids, moment.at)
  }

  const judgePair = (integration: Integration, destination: string, flow: Flow, added: Added, drafts: Draft[], moment: Moment) => {
    const count = integration.pairs.size
    const { rules, volumes } = judging(integration.name)
    const isKnown = isLearned(integration, rules['new-destination'].learning)
    const pair = registry.pair(integration, destination, moment.window, isKnown)
    const isFirst = integration.pairs.size !== count
    drafts.push(...goOn(pair, integration, moment))
    if (pair.floats[pair.at + field.hourSums] === 0) integration.destinations++
    add(pair, added, moment.window)
    for (const hash of flow.pathHashes) addHash(pair, hash)
    drafts.push(...volumes.judge(pair, false, moment))
    push(drafts, judgeUpload(pair, added.sentBytes, rules, moment))
    if (isFirst && pair.isNew) {
      drafts.push(judgeFirstUse(pair, integration, moment))
      push(drafts, judgeEncodedName(integration, flow, rules, moment))
    }
    const isUnlearned = isFirst && (pair.floats[pair.at + field.hours] ?? 0) === 0
    const isWatched = isIdleHour(pair) || (isUnlearned && rules.beaconing.fromStart.includes(integration.name))
    if (pair.beats === null && isWatched) registry.watchBeats(integration, pair)
    if (pair.beats !== null && pair.beats.add(startsOf(flow, moment), added.requests)) push(drafts, judgeRegularity(pair, rules, moment))
  }

  return {
    take(slice) {
      const moment = clock.at(slice.to)
      closings = slice.to - slice.from < longSliceMs ? closedPerShortSlice : Number.POSITIVE_INFINITY
      const found = [...closeSome(closedPerSlice, moment)]
      for (const flow of slice.flows) found.push(...observe(flow, moment))
      return found
    },
    event(event) {
      const moment = clock.at(event.at)
      const { rules, reporter } = judging(event.integration)
      const draft = judgeEvent(event, rules, moment)
      if (draft === null) return []
      const integration = event.integration === null ? null : registry.integration(event.integration, moment.window)
      return reporter.report(integration, [draft], [], moment.at)
    },
    usual: (integration) => usualOf(registry, integration, clock.now(), timeZone),
    scores(name) {
      const known = [...registry.integrations().values()].filter((integration) => name === undefined || integration.name === name)
      const moment = clock.now()
      return known
        .flatMap((integration) =>
          [integration.whole, ...(name === undefined ? [] : integration.pairs.values())].map((pair) => scoreOf(pair, integration, moment)),
        )
        .sort((a, b) => b.score - a.score)
    },
    save: () => registry.save(true),
    saveSome: () => registry.save(false),
    learned: registry.learned,
  }
}

function push(drafts: Draft[], draft: Draft | null): void {
  if (draft !== null) drafts.push(draft)
}

/** A single request whose time is not known began in its slice. */
const startsOf = ({ startedAt, requests }: Flow, { at }: Moment): readonly number[] =>
  startedAt.length === 0 && requests === 1 ? [at] : startedAt

function addedBy(flow: Flow): Added {
  const requests = sane(flow.requests)
  return {
    requests,
    denied: Math.min(requests, sane(flow.denied)),
    failed: Math.min(requests, sane(flow.failed) + sane(flow.originErrors)),
    sentBytes: sane(flow.sentBytes),
    receivedBytes: sane(flow.receivedBytes),
    durationMs: sane(flow.durationMs.sum),
    durations: sane(flow.durationMs.count),
  }
}
