/** What an integration that is suspended or killed is answered. It waits where its state ends by itself, and learns who has entered it, and not why. */
import type { Contained } from './containment.ts'
import { Refusal } from './refusal.ts'

export function stopRefusal({ state, until, by }: Contained): Refusal {
  const code = state === 'killed' ? 'killed' : 'suspended'
  const who = by.startsWith('rule:') ? 'a rule' : by.startsWith('kill-') ? 'the kill switch' : 'an operator'
  const detail = `${who} has ${code} this integration${until === null ? '' : ` until ${until}`}`
  const waitS = until === null ? null : Math.max(1, Math.ceil((Date.parse(until) - Date.now()) / 1000))
  return new Refusal(code, detail, waitS === null ? {} : { headers: ['retry-after', String(waitS)] })
}
