/** Validates events by OCSF's published schema, of which a package of PyPI makes JSON Schemas. */
import type { ErrorObject } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { command } from './command.ts'
import { pythonWith } from './tools.ts'

const script = `
import json, sys
from ocsf_json_schema import get_ocsf_schema, OcsfJsonSchemaEmbedded
schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version='1.8.0'))
wanted = json.load(sys.stdin)
print(json.dumps([schema.get_class_schema(schema.lookup_class_name_from_uid(uid), profiles) for uid, profiles in wanted]))
`

interface Event {
  readonly class_uid: number
  readonly metadata: { readonly profiles: readonly string[] }
}

/** What to say where it is not there. */
export async function withoutOcsf(): Promise<string | null> {
  return (await pythonWith('ocsf_json_schema')).missing
}

/** What is wrong with each event; each is held to the attributes of its class and of the profiles that it names. */
export async function problemsOfOcsf(events: readonly Event[]): Promise<readonly (readonly string[])[]> {
  const kinds = [...new Set(events.map((event) => JSON.stringify([event.class_uid, event.metadata.profiles])))]
  const { program } = await pythonWith('ocsf_json_schema')
  const { stdout, stderr, code } = await command(program, ['-c', script], { input: `[${kinds.join(',')}]` })
  if (code !== 0) throw new Error(stderr)
  const schemas = JSON.parse(Buffer.from(stdout, 'latin1').toString()) as readonly object[]
  const ajv = new Ajv2020({ strict: false, allErrors: true, unicodeRegExp: false })
  const validators = new Map(schemas.map((schema, index) => [kinds[index], ajv.compile(schema)]))
  return events.map((event) => {
    const validate = validators.get(JSON.stringify([event.class_uid, event.metadata.profiles]))
    return validate?.(event) === true ? [] : (validate?.errors ?? []).map(problemOf)
  })
}

function problemOf({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath} ${message} ${JSON.stringify(params)}`
}
