/** Integrations and what they ordinarily do: rhythms of days and weeks, deploys, failures of destinations, growth. */
import type { Traffic } from './flows.ts'
import type { Random } from './random.ts'

export const minuteMs = 60_000
const day = 1440
/** A Monday. */
export const monday = Date.UTC(2026, 10, 2)

export type Kind = 'office' | 'service' | 'hourly' | 'poller' | 'nightly' | 'ci' | 'sparse'
const kinds: readonly Kind[] = [
  'office',
  'office',
  'office',
  'office',
  'service',
  'service',
  'service',
  'hourly',
  'poller',
  'nightly',
  'ci',
  'sparse',
]

export interface Destination {
  readonly name: string
  /** Requests per minute at the busiest hour. */
  rate: number
  readonly sentPerRequest: number
  readonly receivedPerRequest: number
  readonly sizeSpread: number
  /** Minute from which it is used. */
  readonly since: number
  readonly periodic: null | { readonly everyMinutes: number; readonly offset: number; readonly count: number }
}

export interface Simulated {
  readonly name: string
  readonly kind: Kind
  readonly destinations: Destination[]
  /** What it ordinarily does in a minute. */
  minute(minute: number): Traffic[]
  /** How busy it is at a minute, from 0 to about 1. */
  activity(minute: number): number
}

const words = ['api', 'cdn', 'auth', 'files', 'search', 'mail', 'billing', 'events', 'maps', 'push', 'registry', 'ledger', 'media', 'docs']

export function createIntegration(index: number, startDay: number, chance: Random): Simulated {
  const kind = kinds[index % kinds.length] as Kind
  const name = `${kind}-${index}`
  const busiest = chance.scaled(0.5, kind === 'service' ? 600 : 60)
  const size = () => ({
    sentPerRequest: chance.scaled(200, 6000),
    receivedPerRequest: chance.scaled(500, 60_000),
    sizeSpread: chance.between(0.3, 1.2),
  })
  const destination = (at: number, rate: number, since = 0): Destination => ({
    name: `${words[at % words.length]}-${index}.example${chance.whole(1, 9)}.com:443`,
    rate,
    ...size(),
    since,
    periodic: null,
  })
  const destinations = Array.from({ length: chance.whole(2, 9) }, (_, at) => destination(at, busiest / (1 + at * chance.between(0.5, 2))))
  const periodic = (everyMinutes: number, count: number, sent = chance.scaled(300, 3000)) => ({
    ...destination(10, 0),
    sentPerRequest: sent,
    periodic: { everyMinutes, offset: chance.whole(0, everyMinutes - 1), count },
  })
  if (kind === 'hourly')
    destinations.splice(0, 9, periodic(60, chance.whole(3, 200)), periodic(60 * chance.whole(1, 6), chance.whole(5, 50)))
  if (kind === 'poller') destinations.splice(1, 9, periodic(chance.whole(1, 10), 1), periodic(5, chance.whole(1, 4)))
  if (kind === 'sparse') for (const each of destinations) each.rate = chance.scaled(0.003, 0.03)
  const openFrom = chance.between(6, 9.5)
  const openTo = chance.between(16, 20)
  const weekend = kind === 'service' ? chance.between(0.4, 1) : chance.pick([0, 0, 0.03, 0.1])
  const nightly = {
    at: chance.whole(60, 300),
    minutes: chance.whole(15, 70),
    bytes: chance.scaled(2e7, 3e9),
    to: `backup-${index}.example.net:443`,
  }
  const growth = chance.pick([0, 0, 0.01, 0.03])
  const nightShare = kind === 'service' ? chance.between(0.05, 0.7) : chance.pick([0, 0, 0.01])
  const deploys = Array.from({ length: chance.pick([0, 1, 1, 2, 3]) }, () => {
    const ofDay = chance.whole(0, 6)
    const isWeekend = (ofDay + startDay) % 7 >= 5
    return {
      at: (isWeekend ? (ofDay + 2) % 7 : ofDay) * day + chance.whole(9 * 60, 17 * 60),
      factor: chance.between(0.8, 1.35),
      burst: chance.scaled(2, 8),
    }
  })
  for (const { at } of deploys) if (chance() < 0.25) destinations.push(destination(destinations.length, busiest / 4, at))
  const builds = Array.from({ length: kind === 'ci' ? 7 * chance.whole(1, 6) : 0 }, () => ({
    at: chance.whole(0, 6) * day + chance.whole(8 * 60, 19 * 60),
    minutes: chance.whole(4, 25),
    rate: chance.scaled(60, 900),
  }))
  const outages = Array.from({ length: chance.whole(0, 2) }, () => ({
    at: chance.whole(0, 7 * day),
    minutes: chance.whole(3, 60),
    share: chance.between(0.2, 1),
    retries: chance.between(1, 3.5),
    to: chance.pick(destinations).name,
  }))
  const steadyDenials = chance() < 0.3 ? chance.scaled(0.01, 2) : 0
  let drift = 0

  const activity = (minute: number): number => {
    const hour = (minute % day) / 60
    const isWeekend = (Math.floor(minute / day) + startDay) % 7 >= 5
    if (kind === 'sparse') return 1
    if (kind === 'service')
      return (isWeekend ? weekend : 1) * (nightShare + (1 - nightShare) * (0.5 - 0.5 * Math.cos((2 * Math.PI * (hour - 3)) / 24)))
    const ramp = Math.max(0, Math.min(1, hour - openFrom, openTo - hour))
    const lunch = hour > 12 && hour < 13 ? 0.6 : 1
    return Math.max(nightShare, ramp * lunch * (isWeekend ? weekend : 1))
  }

  const sizes = (count: number, mean: number, spread: number): number =>
    count === 0 ? 0 : count * mean * Math.exp((spread * chance.normal()) / Math.sqrt(count))

  const minute = (at: number): Traffic[] => {
    if (at % 10 === 0) drift = 0.8 * drift + 0.2 * chance.normal()
    const deployed = deploys.filter((deploy) => deploy.at <= at)
    const burst = deployed.find((deploy) => at < deploy.at + 12)?.burst ?? 1
    const level =
      activity(at) * Math.exp(drift) * burst * deployed.reduce((all, { factor }) => all * factor, 1) * (1 + growth) ** (at / day)
    const traffic = destinations.flatMap((to): Traffic[] => {
      if (to.since > at) return []
      const outage = outages.find((each) => each.to === to.name && at >= each.at && at < each.at + each.minutes)
      const isDue = to.periodic !== null && at % to.periodic.everyMinutes === to.periodic.offset
      const requests = to.periodic !== null ? (isDue ? to.periodic.count : 0) : chance.poisson(to.rate * level * (outage?.retries ?? 1))
      return [
        {
          destination: to.name,
          requests,
          failed: Math.round(requests * (outage?.share ?? (chance() < 0.02 ? 0.2 : 0))),
          sentBytes: sizes(requests, to.sentPerRequest, to.sizeSpread),
          receivedBytes: sizes(requests, to.receivedPerRequest, to.sizeSpread),
          ...(isDue && to.periodic?.count === 1 ? { startedAt: [200 * chance()] } : {}),
        },
      ]
    })
    if (kind === 'nightly' && at % day >= nightly.at && at % day < nightly.at + nightly.minutes)
      traffic.push({
        destination: nightly.to,
        requests: 10,
        sentBytes: (nightly.bytes / nightly.minutes) * chance.between(0.7, 1.3),
        receivedBytes: 4000,
      })
    const build = builds.find((each) => at >= each.at && at < each.at + each.minutes)
    if (build !== undefined) {
      const requests = chance.poisson(build.rate)
      traffic.push({
        destination: `packages-${index}.example.org:443`,
        requests,
        sentBytes: requests * 400,
        receivedBytes: requests * 80_000,
      })
    }
    const denials = chance.poisson(steadyDenials * level)
    if (denials > 0)
      traffic.push({ destination: `telemetry-${index}.example.io:443`, requests: denials, denied: denials, sentBytes: 0, receivedBytes: 0 })
    return traffic
  }
  return { name, kind, destinations, minute, activity }
}
