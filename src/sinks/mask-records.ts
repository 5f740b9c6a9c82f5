/** The rules of a sink, `package system.log`: which records it does not get, and what is masked in the others. */
import type { Json, JsonObject } from '../core/index.ts'
import type { Compile } from '../opa/index.ts'
import { compose, readRules } from '../policy/index.ts'
import { applyMasks, createMaskPolicy, type DecisionEvent } from '../reporting/index.ts'
import { isJsonObject, parseExactJson, stringify } from '../text/index.ts'

/** The record with what the rules mask; `null` where they drop it. */
export type MaskRecord = (text: string) => string | null

export interface MaskOptions {
  readonly folder: string
  readonly cacheFolder: string
  readonly compile: Compile
  /** The rules failed on a record, of which nothing is shipped but what it is. */
  readonly onFailure: (error: Error) => void
}

/** Nothing else is evaluated in this process, and nobody waits for it. */
const maxEvaluationMs = 50
const maxMemoryPages = 200

/**
 * The rules see an event as those of the decision log do, whose `input` is the record: a mask is `/input/subject/query`.
 * Throws what is wrong with them.
 */
export async function loadMasks({ folder, cacheFolder, compile, onFailure }: MaskOptions): Promise<MaskRecord> {
  const policy = createMaskPolicy({ cacheFolder, compile, grants: [], maxMemoryPages, maxEvaluationMs })
  const composed = compose({ integrations: [], rules: await readRules(folder), bundles: new Map() })
  if (Object.keys(composed.reporting).length === 0) throw new Error(`${folder} has no rules of package system.log: nothing would be masked`)
  const prepared = await policy.prepare(composed)
  prepared.activate()

  return (text) => {
    let event: DecisionEvent | null = null
    try {
      event = eventOf(text)
      const { drop, masks } = policy.evaluate(event)
      if (drop) return null
      if (masks.length === 0) return text
      applyMasks(event, masks)
      const { input = {} } = event
      return isJsonObject(input) ? stringify(input) : bare(text)
    } catch (error) {
      onFailure(error as Error)
      return bare(text)
    }
  }
}

function eventOf(text: string): DecisionEvent {
  const input = parseExactJson(text)
  return { timestamp: String((input as JsonObject)['time']), input } as unknown as DecisionEvent
}

/** What no mask is for. */
function bare(text: string): string {
  const { seq = null, time = null, type = null } = readable(text)
  return stringify({ seq, time, type, error: 'the rules of this sink failed on the record: the rest of it is left out' })
}

function readable(text: string): JsonObject {
  try {
    const value: Json = JSON.parse(text)
    return isJsonObject(value) ? value : {}
  } catch {
    return {}
  }
}
