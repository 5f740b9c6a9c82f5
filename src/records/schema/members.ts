/** The parts that schemas of records are made of, as JSON Schema (2020-12). */

/** One member of a record, or of an object in it. */
export interface MemberSchema {
  readonly description: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly format?: string
  readonly maxLength?: number
  readonly minimum?: number
  readonly items?: object
  readonly properties?: Readonly<Record<string, MemberSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | object
}

/** A member that may be absent; `description` says when. */
export interface Optional {
  readonly optional: MemberSchema
}

export type Members = Readonly<Record<string, MemberSchema | Optional>>

export interface RecordType {
  readonly description: string
  readonly members: Members
}

export const optional = (member: MemberSchema): Optional => ({ optional: member })

/** The longest text is cut to 4096 characters and says so. */
export const text = (description: string, maxLength = 4102): MemberSchema => ({ description, type: 'string', maxLength })
export const oneOf = (description: string, values: readonly string[]): MemberSchema => ({ description, enum: values })
export const count = (description: string): MemberSchema => ({ description, type: 'integer', minimum: 0 })
export const ms = (description: string): MemberSchema => ({ description, type: 'number', minimum: 0 })
export const flag = (description: string): MemberSchema => ({ description, type: 'boolean' })
export const time = (description: string): MemberSchema => ({
  description: `${description} (ISO 8601, UTC)`,
  type: 'string',
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$',
})
export const hex = (description: string, characters: number): MemberSchema => ({
  description,
  type: 'string',
  pattern: `^[0-9a-f]{${characters}}$`,
})
export const integration = (description: string): MemberSchema => ({
  description,
  type: 'string',
  pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$',
})
export const texts = (description: string, maxLength = 4102): MemberSchema => ({
  description,
  type: 'array',
  items: { type: 'string', maxLength },
})
/** An object of these members and no others. */
export function group(description: string, members: Members): MemberSchema {
  return { description, type: 'object', ...membersOf(members) }
}

export function membersOf(members: Members): Required<Pick<MemberSchema, 'properties' | 'required' | 'additionalProperties'>> {
  const entries = Object.entries(members)
  return {
    properties: Object.fromEntries(entries.map(([name, member]) => [name, 'optional' in member ? member.optional : member])),
    required: entries.flatMap(([name, member]) => ('optional' in member ? [] : [name])),
    additionalProperties: false,
  }
}
