/** Whether records are what the schemas of records say (docs/reference/audit-records.md). */
import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { readRecords } from '../../src/records/index.ts'
import { recordSchema, recordTypes } from '../../src/records/schema/index.ts'

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true })
const compiled = new Map<string, ValidateFunction>()
const maxBytes = 32 * 1024

/** Throws where one has a type, a member or a value that no schema describes, or is larger than a record may be. */
export function requireRecord(text: string): Readonly<Record<string, unknown>> {
  const record = JSON.parse(text) as Readonly<Record<string, unknown>>
  const type = String(record['type'])
  assert.ok(Object.hasOwn(recordTypes, type), `src/records/schema/ has no record type "${type}": ${text.slice(0, 500)}`)
  const validate = compiled.get(type) ?? ajv.compile(recordSchema(type))
  compiled.set(type, validate)
  assert.ok(validate(record), `${ajv.errorsText(validate.errors, { dataVar: type })}: ${text.slice(0, 2000)}`)
  assert.ok(Buffer.byteLength(text) < maxBytes, `a record of ${Buffer.byteLength(text)} bytes: ${text.slice(0, 300)}`)
  return record
}

/** The same for all of a log; what cannot be read of it is a matter of other tests. */
export async function requireRecordsIn(folder: string): Promise<void> {
  for await (const records of readable(folder)) for (const { text } of records) if (isJson(text)) requireRecord(text)
}

async function* readable(folder: string) {
  try {
    yield* readRecords(folder)
  } catch {
    // It was removed, or broken, on purpose.
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
