/** `npm run simulate`: precision and recall of the shipped rules per kind and strength of attack. */
import { simulate, tabulate } from './simulate.ts'

const seeds = (process.env['SALLYPORT_SIMULATION_SEEDS'] ?? '1,2,3').split(',').map(Number)
const isVerbose = process.env['SALLYPORT_SIMULATION_VERBOSE'] === '1'
const outcomes = seeds.map((seed) =>
  simulate({ seed, integrations: 50, days: 7, sliceMinutes: Number(process.env['SALLYPORT_SIMULATION_SLICE'] ?? 1) }),
)
const judged = outcomes.flatMap((outcome) => outcome.judged)
const sum = (of: (outcome: (typeof outcomes)[number]) => number) => outcomes.reduce((all, outcome) => all + of(outcome), 0)

console.table(
  tabulate(outcomes).map(({ kind, strength, found, of, precision }) => ({
    ...{ kind, strength, found, of, recall: (found / of).toFixed(2), precision: precision?.toFixed(2) ?? '-' },
  })),
)
const found = judged.filter(({ foundAfter }) => foundAfter !== null)
const falseAlerts = outcomes.flatMap((outcome) => outcome.falseAlerts)
const weeks = sum(({ integrationWeeks }) => integrationWeeks)
console.log(
  `recall ${(found.length / judged.length).toFixed(3)}; false alerts per integration and week ${(falseAlerts.length / weeks).toFixed(3)}`,
)
console.log(
  'false alerts by rule',
  Object.fromEntries([...Map.groupBy(falseAlerts, ({ rule }) => rule)].map(([rule, all]) => [rule, all.length])),
)
const contained = falseAlerts.filter(({ contain }) => contain !== null).length
console.log(`contained for a false alert: ${contained} in ${weeks} integration-weeks`)
console.log(`information per integration and week ${(sum(({ infos }) => infos.length) / weeks).toFixed(3)}`)
console.log(
  `${sum(({ flows }) => flows)} flows, ${((1000 * sum(({ detectorMs }) => detectorMs)) / sum(({ flows }) => flows)).toFixed(2)} µs each`,
)
if (isVerbose) {
  for (const { attack, foundAfter, rules } of judged)
    console.log(attack.kind, attack.strength, attack.integration, foundAfter?.toFixed(0) ?? 'MISSED', rules.join(' '))
  for (const { rule, integration, destination, detail, at } of falseAlerts)
    console.log('FALSE', rule, integration, destination, detail, new Date(at).toISOString())
}
