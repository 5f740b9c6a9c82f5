/** A record of each type, made from its schema: with every member, and with those alone that it must have. */
import { type recordSchema as RecordSchema, recordSchema, recordTypes } from '../../src/records/schema/index.ts'

type Schema = ReturnType<typeof RecordSchema>
type Member = Schema['properties'][string]
type Sample = Readonly<Record<string, unknown>> & { readonly type: string }

/** What a member holds where its schema says no more than "text". */
const typical: Readonly<Record<string, unknown>> = {
  peer: '10.1.2.3',
  address: '203.0.113.7',
  peerPort: 40_123,
  port: 443,
  host: 'api.example.com',
  path: '/v1/forecast',
  query: 'city=Bern',
  method: 'GET',
  scheme: 'https',
  action: 'GET',
  kind: 'http',
  status: 200,
  subject: { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/v1/forecast', query: 'city=Bern' },
}

export function sampleRecords(): readonly Sample[] {
  return Object.keys(recordTypes).flatMap((type) => [sampleOf(type, true), sampleOf(type, false)])
}

export function sampleOf(type: string, isWhole: boolean, members: object = {}): Sample {
  return { ...(objectOf(recordSchema(type), isWhole) as Sample), ...members }
}

function objectOf({ properties, required }: Pick<Schema, 'properties' | 'required'>, isWhole: boolean): object {
  const entries = Object.entries(properties).filter(([name]) => name !== 'prev' && (isWhole || required.includes(name)))
  return Object.fromEntries(entries.map(([name, member]) => [name, valueIn(name, member, isWhole)]))
}

function valueIn(name: string, member: Member, isWhole: boolean): unknown {
  if (Object.hasOwn(typical, name)) return typical[name]
  if (member.enum !== undefined) return member.enum[0]
  const [type] = [member.type].flat()
  if (type === 'integer' || type === 'number') return 7
  if (type === 'boolean') return true
  if (type === 'array') return ['a text']
  if (type === 'object') return objectOf({ properties: member.properties ?? {}, required: member.required ?? [] } as Schema, isWhole)
  if (member.pattern?.startsWith('^\\d{4}')) return '2026-11-28T04:00:00.000Z'
  const digits = /\[0-9a-f\]\{(\d+)\}/.exec(member.pattern ?? '')?.[1]
  return digits === undefined ? 'weather' : 'f'.repeat(Number(digits))
}
