/** The operator's API for what integrations are held in; who may ask for acts is looked at where they are added. */
import type { Express } from 'express'
import { type Containment, ContainmentRefused } from '../containment/index.ts'
import { type ContainmentState, containmentStates } from '../core/index.ts'
import type { Act } from '../records/index.ts'
import { type ActResult, type Acts, type Asked, nameOf, refusal } from './acts.ts'

/** `by`: the operator as records and approvals name them; a second operator is one with another name. */
type Work = (name: string, query: Asked['query'], by: string) => Promise<object>

export function addContainmentRoutes(app: Pick<Express, 'get'>, acts: Acts, containment: Containment): void {
  const add = (act: Act, work: Work) =>
    acts.add(`/v1/integrations/:name/${act}`, act, async ({ params: { name = '' }, query, principal }): Promise<ActResult> => {
      try {
        return { ok: true, ...(await work(name, query, nameOf(principal))) }
      } catch (error) {
        if (error instanceof ContainmentRefused) return refusal(error.message)
        throw error
      }
    })
  const set = async (name: string, state: ContainmentState, { forMs, reason }: Asked['query'], by: string) =>
    containment.set(name, { state, forMs: forMsOf(forMs), reason: textOf(reason), by })

  app.get('/v1/containment', (_req, res) => void res.json({ integrations: containment.list() }))
  add('contain', async (name, query, by) => set(name, stateOf(query['state']), query, by))
  add('lift', (name, { reason }, by) => containment.lift(name, { reason: textOf(reason), by }))
  add('approve', (name, _query, by) => containment.approve(name, by))
  add('suspend', async (name, query, by) => {
    if (containment.of(name)?.state === 'killed')
      throw new ContainmentRefused(`"${name}" is killed; "sallyport contain ${name} suspended" makes that less`)
    const { until } = await set(name, 'suspended', query, by)
    return { until }
  })
  add('resume', async (name, { reason }, by) => {
    const resumed = await containment.resume(name, { reason: textOf(reason), by })
    if (resumed === null) throw new ContainmentRefused(`"${name}" is not suspended`)
    return resumed.pending === null ? {} : { pending: resumed.pending }
  })
}

function stateOf(given: unknown): ContainmentState {
  const state = containmentStates.find((known) => known === given)
  if (state === undefined) throw new ContainmentRefused(`state is one of ${containmentStates.join(', ')}`)
  return state
}

/** What lasts longer is meant until it is lifted. */
const longestMs = 10 * 365.25 * 24 * 3600 * 1000

function forMsOf(given: unknown): number | null {
  if (given === undefined) return null
  const ms = Number(given)
  if (Number.isSafeInteger(ms) && ms > 0 && ms <= longestMs) return ms
  throw new ContainmentRefused('forMs is a whole number of milliseconds, above zero and of ten years at most')
}

/** For the record: one line, cut to a length that people read. */
function textOf(given: unknown): string | null {
  return typeof given === 'string' && given !== '' ? given.slice(0, 500) : null
}
