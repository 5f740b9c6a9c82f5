/** Answers the external calls of rules. */
import type { DecidedRequest, ExternalCalls } from '../../core/index.ts'
import { type Answer, type ExternalCallNeeded, isExternalCall } from '../../opa/index.ts'
import { errorAnswer, readHttpSend, replyAnswer } from './http-send.ts'

export interface Grants {
  /** Functions that rules may call although they reach out of the policy. */
  readonly builtins: readonly string[]
  /** One answer, and all of one decision. */
  readonly timeoutMs: number
  /** Questions of one decision. */
  readonly maxCalls: number
}

/** Nothing reaches out of the policy. */
export const noGrants: Grants = { builtins: [], timeoutMs: 1000, maxCalls: 1 }

/** Never rejects: an error is an answer too. */
export type ExternalCaller = (needed: ExternalCallNeeded, timeoutMs: number, decided: DecidedRequest) => Promise<Answer>

export function createExternalCaller(externalCalls: ExternalCalls): ExternalCaller {
  async function send(operand: string, timeoutMs: number, decided: DecidedRequest): Promise<Answer> {
    const { request, raisesErrors, forcesJson } = readHttpSend(operand, timeoutMs)
    try {
      return replyAnswer(await externalCalls.send(request, decided), forcesJson)
    } catch (error) {
      return errorAnswer((error as Error).message, raisesErrors)
    }
  }

  async function lookup(operand: string, timeoutMs: number, decided: DecidedRequest): Promise<Answer> {
    const addresses = await externalCalls.lookup(JSON.parse(operand) as string, timeoutMs, decided)
    return { text: addresses.length === 0 ? 'set()' : `{${addresses.map((address) => JSON.stringify(address)).join(',')}}` }
  }

  return async ({ builtin, operand }, timeoutMs, decided) => {
    try {
      return await (builtin === 'http.send' ? send : lookup)(operand, timeoutMs, decided)
    } catch (error) {
      return { error: (error as Error).message }
    }
  }
}

/** Whether a policy that calls these functions may have to wait for an answer. */
export function mayWait(builtins: readonly string[]): boolean {
  return builtins.some(isExternalCall)
}
