/** Why a request of the log was decided so, as the command for authors explains it, without what this principal may not see. */
import type { ServerResponse } from 'node:http'
import type { Json } from '../../core/index.ts'
import type { Principal } from '../../operators/index.ts'
import { visibleText } from '../../text/index.ts'
import { sendJson } from '../answers.ts'
import type { AuthorCommands } from '../author-routes.ts'
import { BadQuestion, refuseHidden } from './filter.ts'
import { createMask } from './masks.ts'
import type { Hidden } from './process-messages.ts'
import type { Reads } from './reads.ts'

export type Explain = AuthorCommands['explain']

/** Answers. Rejects with `BadQuestion`, and as `Reads.once`. */
export function createExplanations(explain: Explain, reads: Pick<Reads, 'once'>) {
  return async (res: ServerResponse, principal: Principal, id: string, hidden: Hidden): Promise<void> => {
    if (!/^[\w.-]{1,100}$/.test(id))
      throw new BadQuestion(400, 'expected the id of a request, as a reply carries it in Sallyport-Request-Id')
    refuseHidden({ id: [id] }, null, hidden)
    const answer = await explain(id)
    await reads.once(principal, 'explanation', 'json' in answer ? 1 : 0, { id })
    if ('problem' in answer) return sendJson(res, 422, { ok: false, problem: visibleText(answer.problem) })
    const text = visibleText(JSON.stringify(createMask(hidden)(JSON.parse(answer.json) as Json)))
    res
      .writeHead(200, {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
      })
      .end(text)
  }
}
