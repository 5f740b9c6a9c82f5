/** Memory for the bodies that the policy looks at. An integration that sends many of them, or sends them slowly, leaves room for others. */
import { type BodyHold, type Integration, Refusal } from '../core/index.ts'
import { createFairMemory } from '../shares/index.ts'

export interface BodiesOptions {
  /** Of one body. */
  readonly maxPolicyBodyBytes: number
  /** Of all that are held at once. */
  readonly maxPolicyBodiesBytes: number
}

type HoldBody = (integration: Integration, declaredBytes: number | null) => BodyHold

/** Holds the declared length from the beginning, so that a refusal comes before a byte is read. */
export function createHoldBody({ maxPolicyBodyBytes, maxPolicyBodiesBytes }: BodiesOptions): HoldBody {
  const memory = createFairMemory(maxPolicyBodiesBytes)
  return ({ name }, declaredBytes) => {
    let held = Math.min(declaredBytes ?? maxPolicyBodyBytes, maxPolicyBodyBytes)
    if (!memory.take(name, held))
      throw Refusal.retryLater('bodies-exceeded', 'the bodies that rules look at take all the memory that this integration may have', 1000)
    const shrink = (bytes: number) => {
      if (bytes >= held) return
      memory.give(name, held - bytes)
      held = bytes
    }
    return { maxBytes: maxPolicyBodyBytes, shrink, release: () => shrink(0) }
  }
}
