/**
 * Acts of operators: whatever POST of the operator's API does something is added here, so that each is recorded with who asked, what for
 * and what came of it, and is answered once that is on disk. Nothing else adds a POST: files of routes are given `app` with its GETs alone.
 */
import type { IncomingMessage } from 'node:http'
import type { Express, Request, Response } from 'express'
import type { Role } from '../config/index.ts'
import { mayActAs, type Principal } from '../operators/index.ts'
import type { Act } from '../records/index.ts'
import { sendJson, sendProblem } from './answers.ts'

export type ActFacts = Readonly<Record<string, string | boolean | Readonly<Record<string, string>>>>

/** What an act is answered with, as JSON: 200 where `ok`, 422 where it was not done. */
export interface ActResult {
  readonly ok: boolean
  /** Why it was not done. */
  readonly problem?: string
  /** The active one, where the act is about that. */
  readonly revision?: string
}

export interface Asked {
  /** Of the path. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly principal: Principal
}

export interface Acts {
  /**
   * Answers POSTs to `path`, as Express writes paths. What a path names (`:name`, `:id`) is the record's `on`, `reason` of the query its
   * `reason`, all else of the query its `asked`. Who has a lower role than `role` gets 403, which is recorded as well, and so is what
   * `work` throws. `act` is in the list of src/records/schema/acts.ts.
   */
  add(path: string, act: Act, work: (asked: Asked) => Promise<ActResult>, role?: Role): void
}

export interface ActsOptions {
  readonly app: Pick<Express, 'post'>
  readonly note: (facts: ActFacts) => void
  /** Resolves once everything that was noted is on disk. */
  readonly recorded: () => Promise<void>
  readonly principalOf: (req: IncomingMessage) => Principal | undefined
}

/** The header in which a command says who runs it. */
const operatorHeader = 'sallyport-operator'

export function createActs({ app, note, recorded, principalOf }: ActsOptions): Acts {
  async function answer(act: Act, work: (asked: Asked) => Promise<ActResult>, role: Role, req: Request, res: Response): Promise<void> {
    const principal = principalOf(req)
    if (principal === undefined) throw new Error('a request to the operator’s API that nobody asks')
    const params = req.params as Readonly<Record<string, string>>
    const record = (result: ActResult) =>
      note({ act, ...target(params), ...cameOf(result), ...principalFacts(principal), ...askedFacts(req) })
    if (!mayActAs(principal, role)) {
      const problem = `this is for the role ${role}, and you are ${principal.role}`
      record({ ok: false, problem })
      await recorded()
      return sendProblem(res, 403, problem)
    }
    const result = await work({ params, query: req.query, principal }).catch(async (error: Error) => {
      record({ ok: false, problem: error.message })
      await recorded()
      throw error
    })
    record(result)
    await recorded()
    sendJson(res, result.ok ? 200 : 422, result)
  }

  return {
    add(path, act, work, role = 'operator') {
      app.post(path, (req, res) => answer(act, work, role, req, res))
    },
  }
}

/** For the records of what comes of an act. */
export function nameOf({ by, name }: Principal): string {
  return by === name ? by : `${by} ${name}`
}

export function refusal(problem: string): ActResult {
  return { ok: false, problem }
}

const maxCharacters = 500
const maxNameCharacters = 200
const maxAsked = 20

function target(params: Readonly<Record<string, string>>): ActFacts {
  const on = Object.values(params).join(' ')
  return on === '' ? {} : { on: on.slice(0, maxCharacters) }
}

function cameOf({ ok, problem = '', revision = '' }: ActResult): ActFacts {
  return { ok, ...(problem !== '' && { problem: problem.slice(0, maxCharacters) }), ...(revision !== '' && { revision }) }
}

function principalFacts({ name, role, by }: Principal): ActFacts {
  return { who: name.slice(0, maxNameCharacters), role, by }
}

function askedFacts({ query, headers, socket }: Request): ActFacts {
  const claimed = headers[operatorHeader]
  const { reason, ...others } = query
  const asked = Object.entries(others).slice(0, maxAsked)
  return {
    ...(reason !== undefined && reason !== '' && { reason: textOf(reason).slice(0, maxCharacters) }),
    ...(asked.length > 0 && {
      asked: Object.fromEntries(
        asked.map(([name, value]) => [name.slice(0, maxNameCharacters), textOf(value).slice(0, maxNameCharacters)]),
      ),
    }),
    ...(typeof claimed === 'string' && { claimed: claimed.slice(0, maxNameCharacters) }),
    ...(socket.remoteAddress !== undefined && { peer: socket.remoteAddress }),
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
