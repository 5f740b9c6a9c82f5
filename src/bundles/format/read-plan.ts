/** `plan.json`: what `opa build -t plan` gave. It says no version, so its words must all be known. */
import type { Json, JsonObject } from '../../core/index.ts'
import type { BundleFiles } from './bundle.ts'
import { BundleError, shortened } from './bundle-error.ts'
import { decodeDocument } from './decode-document.ts'

const planFile = 'plan.json'

/** Of OPA's package v1/ir, as its release 1.22 has them. */
const parts = ['static', 'plans', 'funcs', 'unplanned_rules']
const statements: ReadonlySet<string> = new Set(
  [
    'ReturnLocal Call CallDynamic Block Break Dot Len Scan Not AssignInt AssignVar AssignVarOnce ResetLocal MakeNull MakeNumberInt',
    'MakeNumberRef MakeArray MakeObject MakeSet Equal NotEqual IsArray IsObject IsDefined IsSet IsUndefined ArrayAppend ObjectInsert',
    'ObjectInsertOnce ObjectMerge SetAdd With Nop ResultSetAdd',
  ].flatMap((line) => line.split(' ').map((statement) => `${statement}Stmt`)),
)

/** `null` where there is none. Throws `BundleError` on one of a version that is not known. */
export function readPlan({ origin, contents }: BundleFiles): Json {
  const bytes = contents.get(planFile)
  if (bytes === undefined) return null
  const plan = decodeDocument(origin, planFile, bytes)
  const odd = isObject(plan) ? (unknownPart(plan) ?? unknownStatement(plan)) : 'expected an object with "plans"'
  if (odd === null) return plan
  throw new BundleError(origin, planFile, `is of a version that is not known here: ${odd}; build the bundle with OPA 1.22 or earlier`)
}

function unknownPart(plan: JsonObject): string | null {
  const unknown = Object.keys(plan).find((key) => !parts.includes(key))
  if (unknown !== undefined) return `unknown key "${shortened(unknown)}"`
  return isObject(plan['plans'] ?? null) ? null : 'expected an object with "plans"'
}

/** Every `{"type": …, "stmt": …}`, however deep. */
function unknownStatement(plan: JsonObject): string | null {
  const open: Json[] = [plan]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue
    const { type } = value as { type?: Json }
    if (Object.hasOwn(value, 'stmt') && !(typeof type === 'string' && statements.has(type)))
      return `unknown statement ${shortened(JSON.stringify(type ?? null))}`
    for (const part of Object.values(value)) open.push(part)
  }
  return null
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
