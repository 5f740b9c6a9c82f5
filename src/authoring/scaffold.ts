/** `sallyport policy new`: a first manifest, a first rule, a test that shows what both do, and the schema for editors. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { manifestJsonSchema } from '../manifests/index.ts'
import { SourceError } from './sources.ts'

export interface Scaffold {
  readonly name: string
  readonly owner: string
  readonly integrationsFolder: string
  /** `null`: the configuration has none, so only the manifest is written. */
  readonly rulesFolder: string | null
}

/** The files written. Nothing that exists is touched: throws `SourceError`. */
export async function scaffold({ name, owner, integrationsFolder, rulesFolder }: Scaffold): Promise<readonly string[]> {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    throw new SourceError(`"${name}" is not a name for an integration: expected lower-case letters, digits and "-"`)
  const schema = join(integrationsFolder, schemaFile)
  const files: [string, string][] = [[join(integrationsFolder, `${name}.yaml`), manifestText(name, owner)]]
  if (rulesFolder !== null)
    files.push([join(rulesFolder, `${name}.rego`), ruleText(name)], [join(rulesFolder, `${name}_test.rego`), testText(name)])
  for (const [path, text] of files) {
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      throw new SourceError(
        error.code === 'EEXIST' ? `${path} exists already, and nothing is overwritten` : `${path} cannot be written: ${error.code}`,
      )
    })
  }
  // One for all manifests of the folder: the first has brought it.
  const brought = await writeFile(schema, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`, { flag: 'wx' }).then(
    () => [schema],
    () => [],
  )
  return [...files.map(([path]) => path), ...brought]
}

/** Beside the manifests, so that the path in them holds wherever the folder is moved; it is not read as a manifest. */
const schemaFile = 'integration.schema.json'

function manifestText(name: string, owner: string): string {
  return `# yaml-language-server: $schema=./${schemaFile}
apiVersion: sallyport/v1
kind: Integration
name: ${name}
owner: ${owner}
# identity: the line that "sallyport token ${name}" prints
network:
  - hosts: [api.example.com]
    methods: [GET]
    paths: [/v1/**]
limits:
  requests: { rate: 10/s, burst: 20 }
`
}

function ruleText(name: string): string {
  return `# What a manifest cannot say about ${name}. A deny always wins over the manifest.
package sallyport.rules

import rego.v1

deny contains "${name} may not read /v1/admin" if {
	input.integration.name == "${name}"
	input.request.kind == "http"
	startswith(input.http.path, "/v1/admin")
}
`
}

function testText(name: string): string {
  const rule = name.replaceAll('-', '_')
  return `package sallyport.rules_test

import rego.v1

import data.sallyport.rules

request(path) := {
	"integration": {"name": "${name}"},
	"request": {"kind": "http"},
	"http": {"scheme": "https", "host": "api.example.com", "port": 443, "method": "GET", "path": path},
}

test_${rule}_admin_is_denied if "${name} may not read /v1/admin" in rules.deny with input as request("/v1/admin/keys")

test_${rule}_items_are_not_denied if count(rules.deny) == 0 with input as request("/v1/items")
`
}
