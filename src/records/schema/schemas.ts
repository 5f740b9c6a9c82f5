/** The JSON Schema of each type of record, and of a record of any type. */
import { count, type MemberSchema, membersOf, optional, type RecordType, text, time } from './members.ts'
import { operation } from './operation.ts'
import { operators } from './operators.ts'
import { decided, refused, settled, summed } from './requests.ts'
import { watching } from './watching.ts'

/** By the record's `type`, in the order of the documentation. */
export const recordTypes: Readonly<Record<string, RecordType>> = {
  decided,
  refused,
  settled,
  summed,
  ...operation,
  ...operators,
  ...watching,
}

export interface RecordSchema extends Required<Pick<MemberSchema, 'properties' | 'required' | 'additionalProperties'>> {
  readonly title: string
  readonly description: string
  readonly type: 'object'
}

export function recordSchema(type: string): RecordSchema {
  const { description, members } = recordTypes[type] as RecordType
  const common = {
    seq: count('the number of the record in this log'),
    time: time('when it was written'),
    type: { description: 'of the record', enum: [type] },
  }
  const chained = { prev: optional(text('SHA-256 of the record before it, in logs that are chains', 64)) }
  return { title: type, description, type: 'object', ...membersOf({ ...common, ...members, ...chained }) }
}

/** A record of any type. */
export function anyRecordSchema(): object {
  const types = Object.keys(recordTypes)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A record of Sallyport’s audit log',
    description: 'Which of these it is says its `type`. `started.schema` is the version.',
    type: 'object',
    required: ['type'],
    oneOf: types.map((type) => ({ $ref: `#/$defs/${type}` })),
    $defs: Object.fromEntries(types.map((type) => [type, recordSchema(type)])),
  }
}
