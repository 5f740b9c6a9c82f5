/** Whether a record is wanted, as it comes: what questions to the index find of the past, a stream finds of what happens. */
import { canonicalHostPattern, hostCovers, pathCovers } from '../../canonical/index.ts'
import type { JsonObject } from '../../core/index.ts'
import { type Filter, phraseTest, textsOf } from '../../query/index.ts'

/** Requests that are open, whose settlement belongs to them. The oldest gives way. */
const maxOpen = 10_000

/** `texts`: what free text is looked for in. */
type Test = (record: JsonObject, texts: string) => boolean

/** A settlement is wanted where its request, together with it, is. Throws `FilterError`. */
export function createMatches(filter: Filter): (record: JsonObject) => boolean {
  const tests = testsOf(filter)
  if (tests.length === 0) return () => true
  const looksForText = filter.text !== undefined
  const matches = (record: JsonObject, texts: string) => tests.every((test) => test(record, texts))
  const open = new Map<string, { readonly record: JsonObject; readonly texts: string }>()
  return (record) => {
    const texts = looksForText ? textsOf(record) : ''
    const id = textOf(record['id']) ?? ''
    if (record['type'] === 'settled') {
      const request = open.get(id)
      open.delete(id)
      return matches({ ...request?.record, ...record, type: 'settled' }, `${request?.texts ?? ''} ${texts}`)
    }
    if (record['type'] === 'decided' || record['type'] === 'refused') {
      const [oldest] = open.keys()
      if (open.size >= maxOpen && oldest !== undefined) open.delete(oldest)
      open.set(id, { record, texts })
    }
    return matches(record, texts)
  }
}

function testsOf(filter: Filter): readonly Test[] {
  const { since, until, decision, host, path, status, problem, text, ...exact } = filter
  const tests: Test[] = []
  const any = (values: readonly string[] | undefined, test: (value: string, record: JsonObject) => boolean) => {
    if (values !== undefined) tests.push((record) => values.some((value) => test(value, record)))
  }
  if (since !== undefined) tests.push((record) => Date.parse(String(record['time'])) >= since)
  if (until !== undefined) tests.push((record) => Date.parse(String(record['time'])) < until)
  for (const [name, values] of Object.entries(exact)) any(values, (value, record) => memberOf(record, name) === value)
  any(decision, (value, record) => decisionOf(record) === value)
  any(host, (value, record) => covers(canonicalHostPattern(value) ?? value.toLowerCase(), memberOf(record, 'host')))
  any(path, (value, record) => isPath(memberOf(record, 'path'), value))
  any(status, (value, record) => isStatus(String(record['status'] ?? ''), value))
  any(problem, (value, record) => [record['problem'], record['code']].includes(value))
  for (const phrase of text ?? []) {
    const isIn = phraseTest(phrase)
    tests.push((_record, texts) => isIn(texts))
  }
  return tests
}

/** Of what would be touched, or of the record itself. */
function memberOf(record: JsonObject, name: string): string | null {
  const { subject } = record
  const own = typeof subject === 'object' && subject !== null && Object.hasOwn(subject, name) ? (subject as JsonObject)[name] : undefined
  return textOf(own) ?? textOf(record[name])
}

function decisionOf({ type, allow }: JsonObject): string | null {
  if (type === 'refused' || type === 'summed') return 'refused'
  return typeof allow === 'boolean' ? (allow ? 'allow' : 'deny') : null
}

function covers(pattern: string, host: string | null): boolean {
  return host !== null && (pattern === '*' || hostCovers(pattern, host))
}

function isPath(path: string | null, pattern: string): boolean {
  return path !== null && pathCovers(pattern, path)
}

function isStatus(status: string, wanted: string): boolean {
  return status === wanted || (/^[1-5]xx$/.test(wanted) && status.length === 3 && status[0] === wanted[0])
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
