/** What an attacker adds to the traffic of an integration. Each kind has three strengths. */
import type { Traffic } from './flows.ts'
import type { Random } from './random.ts'
import type { Simulated } from './world.ts'

export const attackKinds = [
  'exfiltration-new',
  'exfiltration-known',
  'beaconing',
  'reconnaissance',
  'slow-leak',
  'odd-hour',
  'flood',
  'encoded-names',
] as const
export type AttackKind = (typeof attackKinds)[number]
export const strengths = ['weak', 'medium', 'strong'] as const
export type Strength = (typeof strengths)[number]

export interface Attack {
  readonly kind: AttackKind
  readonly strength: Strength
  readonly integration: string
  readonly from: number
  readonly to: number
  minute(minute: number): Traffic[]
}

const day = 1440
/** Attacks begin after two days: docs/watch/rules.md says what is noticed before. */
const learned = 2 * day

export function createAttack(kind: AttackKind, strength: Strength, victim: Simulated, chance: Random): Attack {
  const grade = strengths.indexOf(strength)
  const of = <T>(weak: T, medium: T, strong: T): T => [weak, medium, strong][grade] as T
  const drop = `sync-${victim.name}.dropzone.net:443`
  const known = chance.pick(victim.destinations.filter(({ since }) => since === 0))
  const busiest = Math.max(0.05, known.rate, (known.periodic?.count ?? 0) / (known.periodic?.everyMinutes ?? 1))
  const usualHourlySent = 60 * busiest * known.sentPerRequest
  const allRequests = victim.destinations.reduce((all, { rate }) => all + rate, 0.05)
  const start = (minutes: number) => chance.whole(learned, 7 * day - minutes - 30)
  const lasting = (minutes: number, minute: (at: number) => Traffic[], from = start(minutes)): Attack => ({
    kind,
    strength,
    integration: victim.name,
    from,
    to: from + minutes,
    minute: (at) => (at >= from && at < from + minutes ? minute(at - from) : []),
  })
  const upload = (destination: string, total: number, minutes: number) => () => [
    { destination, requests: 1, sentBytes: (total / minutes) * chance.between(0.6, 1.4), receivedBytes: 300 },
  ]
  switch (kind) {
    case 'exfiltration-new': {
      const minutes = of(40, 10, 5)
      return lasting(minutes, upload(drop, of(2e6, 1e7, 2e8), minutes))
    }
    case 'exfiltration-known': {
      const minutes = of(40, 20, 10)
      return lasting(minutes, upload(known.name, Math.max(of(4e6, 2e7, 2e8), of(4, 10, 50) * usualHourlySent), minutes))
    }
    case 'beaconing': {
      const everyMs = of(420_000, 180_000, 60_000)
      const jitter = of(0.5, 0.3, 0.1)
      let next = chance() * everyMs
      return lasting(of(600, 300, 120), (minute) => {
        const startedAt: number[] = []
        for (; next < (minute + 1) * 60_000; next += everyMs * chance.between(1 - jitter, 1 + jitter))
          startedAt.push(Math.max(0, next - minute * 60_000))
        return startedAt.length === 0
          ? []
          : [
              {
                destination: drop,
                requests: startedAt.length,
                sentBytes: 400 * startedAt.length,
                receivedBytes: 300 * startedAt.length,
                startedAt,
              },
            ]
      })
    }
    case 'reconnaissance': {
      const minutes = of(40, 10, 5)
      const names = of(12, 40, 200)
      return lasting(minutes, () => {
        const requests = chance.poisson(of(1.5, 8, 100))
        return Array.from({ length: Math.min(requests, 40) }, () => ({
          destination: `host-${chance.whole(1, names)}.internal:${chance.pick([80, 443, 22])}`,
          requests: Math.max(1, Math.round(requests / 40)),
          denied: Math.max(1, Math.round(requests / 40)),
          sentBytes: 0,
          receivedBytes: 0,
        }))
      })
    }
    case 'slow-leak': {
      const hourly = Math.max(of(300_000, 600_000, 2e6), of(1.5, 3, 8) * usualHourlySent)
      return lasting(of(18, 14, 10) * 60, (minute) => (minute % 4 === 0 ? upload(known.name, hourly, 15)() : []))
    }
    case 'odd-hour': {
      const quiet = Array.from({ length: 400 }, () => start(60)).find((at) =>
        [at - 100, at, at + 60, at + 160].every((each) => victim.activity(each) < 0.05),
      )
      const requests = of(1.5, 5, 30)
      return lasting(
        45,
        () =>
          victim.destinations.slice(0, 3).map(({ name, sentPerRequest, receivedPerRequest }) => {
            const count = chance.poisson(requests / 3)
            return { destination: name, requests: count, sentBytes: count * sentPerRequest, receivedBytes: count * receivedPerRequest }
          }),
        quiet ?? start(60),
      )
    }
    case 'flood': {
      const perMinute = Math.max(of(150, 400, 3000), of(8, 20, 100) * allRequests)
      return lasting(of(15, 10, 8), () => {
        const requests = chance.poisson(perMinute)
        return [{ destination: known.name, requests, sentBytes: requests * 300, receivedBytes: requests * 800 }]
      })
    }
    case 'encoded-names':
      return lasting(of(60, 30, 15), () =>
        chance() < of(0.25, 0.7, 1)
          ? Array.from({ length: of(1, 2, 8) }, () => ({
              destination: `${encoded(chance)}.t.example.biz:443`,
              requests: 1,
              sentBytes: 200,
              receivedBytes: 100,
            }))
          : [],
      )
  }
}

const encoded = (chance: Random): string => Array.from({ length: 40 }, () => chance.pick([...'abcdefghijklmnopqrstuvwxyz234567'])).join('')

/** A victim for which the kind makes sense. */
export const suits = (kind: AttackKind, { kind: victim }: Simulated): boolean => kind !== 'odd-hour' || victim === 'office'
