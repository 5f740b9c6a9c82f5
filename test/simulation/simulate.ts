/** A week of integrations and attacks through the detector, and what it found of them. */
import { rulesFrom } from '../../src/config/index.ts'
import { createDetector, createMemoryStore, type Finding } from '../../src/detect/index.ts'
import type { Flow } from '../../src/watch/index.ts'
import { type Attack, type AttackKind, attackKinds, createAttack, type Strength, strengths, suits } from './attacks.ts'
import { flowsOf } from './flows.ts'
import { createRandom } from './random.ts'
import { createIntegration, minuteMs, monday } from './world.ts'

export interface Settings {
  readonly seed: number
  readonly integrations: number
  readonly days: number
  /** Minutes per slice. */
  readonly sliceMinutes: number
}

export interface Judged {
  readonly attack: Attack
  /** Minutes until the first finding; `null`: missed. */
  readonly foundAfter: number | null
  readonly rules: readonly string[]
}

export interface Outcome {
  readonly judged: readonly Judged[]
  /** Within an attack or soon after it. */
  readonly trueAlerts: readonly Finding[]
  readonly falseAlerts: readonly Finding[]
  /** Findings that only say that a destination is new, outside of attacks. */
  readonly infos: readonly Finding[]
  readonly integrationWeeks: number
  readonly flows: number
  readonly detectorMs: number
}

/** So long after an attack a finding is still of it. */
const aftermathMinutes = 60

export function simulate({ seed, integrations: count, days, sliceMinutes }: Settings): Outcome {
  const chance = createRandom(seed)
  const startDay = seed % 5
  const integrations = Array.from({ length: count }, (_, index) => createIntegration(index, startDay, chance.fork(`integration ${index}`)))
  const free = [...integrations]
  const attacks = attackKinds.flatMap((kind) =>
    strengths.flatMap((strength) => {
      const able = free.filter((each) => suits(kind, each))
      const victim = able[Math.floor(chance() * able.length)]
      if (victim === undefined) return []
      free.splice(free.indexOf(victim), 1)
      return [createAttack(kind, strength, victim, chance.fork(`${kind} ${strength}`))]
    }),
  )
  const findings: Finding[] = []
  const detector = createDetector({ rules: rulesFrom(), baselines: createMemoryStore() })
  let flows = 0
  let detectorMs = 0
  const from = monday + startDay * 1440 * minuteMs
  for (let minute = 0; minute < days * 1440; minute += sliceMinutes) {
    const slice: Flow[] = []
    for (const integration of integrations) {
      const mine = attacks.filter((attack) => attack.integration === integration.name)
      const traffic = Array.from({ length: sliceMinutes }, (_, index) =>
        [...integration.minute(minute + index), ...mine.flatMap((attack) => attack.minute(minute + index))].map((part) => ({
          ...part,
          minute: index,
        })),
      )
      slice.push(...flowsOf(integration.name, traffic.flat(), from + minute * minuteMs, chance))
    }
    flows += slice.length
    const began = performance.now()
    findings.push(...detector.take({ from: from + minute * minuteMs, to: from + (minute + sliceMinutes) * minuteMs, flows: slice }))
    detectorMs += performance.now() - began
  }
  const minuteOf = ({ at }: Finding) => (at - from) / minuteMs
  const isOf = (attack: Attack, finding: Finding) =>
    finding.integration === attack.integration && minuteOf(finding) >= attack.from && minuteOf(finding) <= attack.to + aftermathMinutes
  const judged = attacks.map((attack) => {
    const own = findings.filter((finding) => isOf(attack, finding) && finding.severity !== 'info')
    const [first] = own
    return {
      attack,
      foundAfter: first === undefined ? null : minuteOf(first) - attack.from,
      rules: [...new Set(own.map(({ rule }) => rule))],
    }
  })
  const others = findings.filter((finding) => !attacks.some((attack) => isOf(attack, finding)))
  return {
    judged,
    trueAlerts: findings.filter((finding) => finding.severity !== 'info' && !others.includes(finding)),
    falseAlerts: others.filter(({ severity }) => severity !== 'info'),
    infos: others.filter(({ severity }) => severity === 'info'),
    integrationWeeks: (count * days) / 7,
    flows,
    detectorMs,
  }
}

export interface Line {
  readonly kind: AttackKind
  readonly strength: Strength
  readonly found: number
  readonly of: number
  /** Of the alerts of the rules that found such attacks, the part that was of an attack; `null` where none was found. */
  readonly precision: number | null
}

/** Recall and precision per kind and strength. */
export function tabulate(outcomes: readonly Pick<Outcome, 'judged' | 'trueAlerts' | 'falseAlerts'>[]): readonly Line[] {
  const judged = outcomes.flatMap((outcome) => outcome.judged)
  const countBy = (rules: ReadonlySet<string>, alerts: readonly Finding[]) => alerts.filter(({ rule }) => rules.has(rule)).length
  return attackKinds.flatMap((kind) =>
    strengths.map((strength) => {
      const all = judged.filter(({ attack }) => attack.kind === kind && attack.strength === strength)
      const rules = new Set(all.flatMap((each) => each.rules))
      const right = countBy(
        rules,
        outcomes.flatMap(({ trueAlerts }) => trueAlerts),
      )
      const wrong = countBy(
        rules,
        outcomes.flatMap(({ falseAlerts }) => falseAlerts),
      )
      const found = all.filter(({ foundAfter }) => foundAfter !== null).length
      return { kind, strength, found, of: all.length, precision: right === 0 ? null : right / (right + wrong) }
    }),
  )
}
