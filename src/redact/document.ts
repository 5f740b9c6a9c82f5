/** Masks a document: the whole value of a sensitive name, and in every other text what the redactor finds. */
import type { Json } from '../core/index.ts'
import { isRawNumber, parseExactJson } from '../text/index.ts'
import { maskValues } from './assignments.ts'
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
  if (isRawNumber(value)) return rules.text(value.rawJSON) === value.rawJSON ? value : masked
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
    // Written again only where something was masked.
    return shown === written(whole) ? text : shown
  }
  return rules.text(maskLabels(maskElements(maskPairs(text, rules), rules), rules))
}

function maskPairs(text: string, rules: DocumentRules): string {
  if (!text.includes('"')) return text
  return text.replace(pair, (all, name: string, colon: string) => (rules.isSecretName(name) ? `"${name}"${colon}"${masked}"` : all))
}

/** XML: `<wsse:Password Type="…">…</…>` with any content. */
const opening = /<(?:[\w.-]{1,128}:)?([\w.-]{1,128})(?:\s[^<>]{0,1024})?>/g

function maskElements(text: string, rules: DocumentRules): string {
  if (!text.includes('</')) return text
  return maskValues(text, opening, rules.isSecretName, (_match, start) => (text[start - 2] === '/' ? start : text.indexOf('</', start)))
}

/** `name: value` of a YAML document, of headers, and of arguments (GraphQL), which lie between brackets. */
const label = /(?:^|[({,]|\n)[ \t]{0,64}(?:- {1,8})?([\w.-]{1,128})[ \t]{0,8}:[ \t]{1,8}/g
const quoted = /"(?:[^"\\]|\\.)*"?|'[^']*'?/sy

function maskLabels(text: string, rules: DocumentRules): string {
  if (!text.includes(': ')) return text
  return maskValues(text, label, rules.isSecretName, ([all], start) => {
    quoted.lastIndex = start
    if (quoted.test(text)) return quoted.lastIndex
    const end = /^[({,]/.test(all) ? /[\n,)}]/g : /\n/g
    end.lastIndex = start
    return end.exec(text)?.index ?? text.length
  })
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
    return parseExactJson(text)
  } catch {
    return undefined
  }
}
