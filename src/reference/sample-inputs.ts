/** Inputs to compare evaluators on before a policy decides: those of its own tests, what was asked recently, and what manifests lead to. */
import { judgedQueryOf, pathForms, segmentsOf } from '../canonical/index.ts'
import { type Integration, type Json, type JsonObject, type QueryConditions, resourceKinds } from '../core/index.ts'
import type { RegoSources } from '../opa/index.ts'
import { isJsonObject, queryOf, stringify } from '../text/index.ts'

export interface SampleInput {
  readonly integration: string
  /** JSON. */
  readonly input: string
}

const maxIntegrations = 8
const maxLiterals = 32
const maxLiteralCharacters = 64 * 1024

/** Documents that stand in tests as they are (`with input as {"http": …}`), as far as they are JSON. */
export function inputsInTests(sources: RegoSources): readonly SampleInput[] {
  const tests = Object.entries(sources).flatMap(([name, text]) => (name.endsWith('_test.rego') ? [text] : []))
  return tests.flatMap(literalsIn).slice(0, maxLiterals)
}

/** An object that is an input holds another: each brace is tried, the outermost that is one counts. */
function literalsIn(text: string): readonly SampleInput[] {
  const found: SampleInput[] = []
  for (let at = text.indexOf('{'), tries = 0; at >= 0 && tries < 1000 && found.length < maxLiterals; tries += 1) {
    const end = closing(text, at)
    const document = end === null ? null : inputFrom(text.slice(at, end))
    if (document !== null) found.push(document)
    at = text.indexOf('{', document === null || end === null ? at + 1 : end)
  }
  return found
}

function closing(text: string, from: number): number | null {
  let depth = 0
  const mark = /"(?:[^"\\]|\\.)*"|[{}]/g
  mark.lastIndex = from
  for (let found = mark.exec(text); found !== null && found.index < from + maxLiteralCharacters; found = mark.exec(text)) {
    if (found[0] === '{') depth += 1
    else if (found[0] === '}') depth -= 1
    if (depth === 0) return found.index + 1
  }
  return null
}

function inputFrom(text: string): SampleInput | null {
  try {
    // As Rego has it, a list may end in a comma.
    const value = JSON.parse(text.replace(/,(\s*[}\]])/g, '$1')) as Json
    if (!isJsonObject(value) || !resourceKinds.some((kind) => isJsonObject(value[kind]))) return null
    const { integration } = value
    const name = isJsonObject(integration) && typeof integration['name'] === 'string' ? integration['name'] : ''
    return { integration: name, input: stringify(value) }
  } catch {
    return null
  }
}

/** Spread over all; of each, what its first capabilities allow, and what is just beyond them. */
export function generatedInputs(
  integrations: readonly Integration[],
  context: (integration: string) => JsonObject,
  at: number,
): readonly SampleInput[] {
  const step = Math.max(1, integrations.length / maxIntegrations)
  const chosen = Array.from(
    { length: Math.min(maxIntegrations, integrations.length) },
    (_, index) => integrations[Math.floor(index * step)],
  )
  const time = new Date(at).toISOString()
  return chosen.flatMap((integration) => {
    if (integration === undefined) return []
    const { name, labels } = integration
    return [
      ...networkOf(integration),
      ...servicesOf(integration),
      ...filesOf(integration),
      { kind: 'self', action: 'read', facts: {} } as const,
    ].map(({ kind, action, facts }) => ({
      integration: name,
      input: stringify({
        version: 1,
        integration: { name, labels, identity: 'token' },
        request: { id: 'reference', time, door: 'proxy', kind, action },
        context: context(name),
        [kind]: facts,
      }),
    }))
  })
}

interface Asked {
  readonly kind: 'http' | 'tunnel' | 'service' | 'file' | 'self'
  readonly action: string
  readonly facts: JsonObject
}

function networkOf(integration: Integration): readonly Asked[] {
  return integration.network.slice(0, 2).flatMap(({ hosts, ports, methods, paths, query, tls }) => {
    const host = nameOf(hosts[0] ?? '')
    const port = ports[0] ?? 443
    const method = methods?.[0] ?? 'GET'
    const path = pathOf(paths?.[0] ?? '/a')
    const scheme = tls === 'none' ? 'http' : 'https'
    return [
      { kind: 'tunnel', action: 'CONNECT', facts: { host, port } } as const,
      http({ scheme, host, port, method, path }, queryFacts(integration, query)),
      http({ scheme, host, port, method: 'BREW', path }),
      http({ scheme, host, port, method, path, websocket: true }),
      http({ scheme, host, port, method, path: '/elsewhere/%2F"x' }),
      http({ scheme, host: 'elsewhere.invalid', port, method, path }),
    ]
  })
}

function http(
  target: { scheme: string; host: string; port: number; method: string; path: string; websocket?: true },
  query: JsonObject = { query: {} },
): Asked {
  return { kind: 'http', action: target.method, facts: { ...target, ...pathFacts(target.path), ...query, headers: { accept: ['*/*'] } } }
}

function servicesOf(integration: Integration): readonly Asked[] {
  return integration.services.slice(0, 1).flatMap(({ name, methods, paths, query }) => {
    const method = methods?.[0] ?? 'GET'
    return [pathOf(paths?.[0] ?? '/a'), '/elsewhere/x'].map((path) => ({
      kind: 'service' as const,
      action: method,
      facts: { name, method, path, websocket: false, ...pathFacts(path), ...queryFacts(integration, query), headers: {} },
    }))
  })
}

function filesOf({ files }: Integration): readonly Asked[] {
  return files.slice(0, 1).flatMap(({ name, paths, actions }) =>
    [pathOf(paths?.[0] ?? 'a.txt'), 'elsewhere.x'].map((path) => {
      const action = actions[0] ?? 'read'
      return { kind: 'file' as const, action, facts: { root: name, path, action } }
    }),
  )
}

function pathFacts(path: string): JsonObject {
  return { segments: segmentsOf(path), ...pathForms(path) }
}

/** Of a query that fulfils the conditions. */
function queryFacts(integration: Integration, conditions: QueryConditions = {}): JsonObject {
  const given = Object.entries(conditions).flatMap(([key, [value]]) => (value === undefined ? [] : [[key, value] as const]))
  const text = new URLSearchParams(Object.fromEntries(given)).toString()
  return { query: queryOf(text), ...judgedQueryOf(integration, text) }
}

/** A name that a pattern of hosts stands for. */
function nameOf(pattern: string): string {
  return pattern === '*' ? 'any.example.com' : pattern.replace(/^\*/, 'any')
}

function pathOf(pattern: string): string {
  return pattern.replaceAll('**', 'a/b').replaceAll('*', 'a')
}
