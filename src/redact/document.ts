/** Masks a document: what stands under a telling name whole, and in every other text what the redactor finds there. */
import { type Json, parseJson } from '../core/index.ts'
import { masked } from './known-secrets.ts'

export interface DocumentRules {
  text(text: string): string
  /** Values under such a name are never shown. */
  isSecretName(name: string): boolean
}

/** Stands for what lies deeper than this, in the document and in documents within its texts: what the stack has no room for is not shown. */
const tooDeep = '…[cut]'
const maxDepth = 200

/** A copy that shares nothing with the original. A key called `__proto__` stays a key. */
export function maskDocument(value: Json, rules: DocumentRules, depth = 0): Json {
  if (typeof value === 'string') return maskText(value, rules, depth)
  if (typeof value === 'number') return rules.text(String(value)) === String(value) ? value : masked
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return tooDeep
  if (Array.isArray(value)) return value.map((item) => maskDocument(item, rules, depth + 1))
  const shown = Object.create(null) as Record<string, Json>
  for (const [key, item] of Object.entries(value))
    shown[rules.text(key)] = rules.isSecretName(key) ? hidden(item, depth + 1) : maskDocument(item, rules, depth + 1)
  return shown
}

/** Lists keep their length: that there are two cookies says no more than that. */
function hidden(value: Json, depth: number): Json {
  if (Array.isArray(value)) return depth >= maxDepth ? tooDeep : value.map((item) => hidden(item, depth + 1))
  return value === null || value === '' ? value : masked
}

// One that matches at a name always ends in a match, so the text is gone through once.
const pair = /"([^"\\]{1,128})"(\s{0,8}:\s{0,8})("(?:[^"\\]|\\.)*"?|[^\s,}\]"]+)/gs

/** Documents travel in texts: as a JSON text within JSON, as lines of JSON, as a body that says it is plain text. */
function maskText(text: string, rules: DocumentRules, depth: number): string {
  const whole = /^\s*[[{]/.test(text) ? parse(text) : undefined
  if (whole !== undefined) {
    const shown = JSON.stringify(maskDocument(whole, rules, depth + 1))
    // Written anew only where something was masked.
    return shown === written(whole) ? text : shown
  }
  if (!text.includes('"')) return rules.text(text)
  const paired = text.replace(pair, (all, name: string, colon: string) => (rules.isSecretName(name) ? `"${name}"${colon}"${masked}"` : all))
  return rules.text(paired)
}

/** `null`: the stack has no room for it. */
function written(value: Json): string | null {
  try {
    return JSON.stringify(value)
  } catch {
    return null
  }
}

function parse(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
