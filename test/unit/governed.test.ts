/** No file root opens what governs the gateway, however it leads there (security case 14, invariant 8 of SECURITY.md). */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../src/config/index.ts'
import { governingRoots } from '../../src/config/references.ts'
import type { FileCapability } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'
import { createOriginCertificate } from '../support/certificates.ts'
import { createFolder } from '../support/folder.ts'
import { rego } from '../support/rego.ts'

async function arrange(t: TestContext) {
  const folder = createFolder(t, {
    'gate/sallyport.yaml': `apiVersion: sallyport/v1
kind: Gateway
state: ../state
trust: ../public
integrations: ../integrations
audit: { folder: ../log }
policy: { rules: ../rules, shadow: { rules: ../tried } }
http: { originCa: ../trust/origin-ca.crt }
listeners: [{ name: own, socket: ../sockets/own.sock }]
`,
    'integrations/data/hello.txt': 'hello',
    'rules/own.rego': rego`package sallyport.rules`,
    'tried/own.rego': rego`package sallyport.rules`,
  })
  mkdirSync(join(folder, 'trust'))
  mkdirSync(join(folder, 'data'))
  await createOriginCertificate(join(folder, 'trust'), 'localhost')
  const config = loadConfig(join(folder, 'gate/sallyport.yaml'))
  return {
    folder,
    opens: (root: string) => governingRoots(config, [{ root: join(folder, root) } as FileCapability])[0]?.message.replace(`${folder}/`, ''),
  }
}

for (const [root, held] of [
  ['', 'state'],
  ['state', 'state'],
  ['state/ca', 'state'],
  ['gate', 'gate/sallyport.yaml'],
  ['integrations', 'integrations'],
  ['rules', 'rules'],
  ['rules/deep/er', 'rules'],
  ['tried', 'tried'],
  ['log', 'log'],
  ['public', 'public'],
  ['trust', 'trust/origin-ca.crt'],
  ['sockets', 'sockets/own.sock'],
  ['data/../rules', 'rules'],
  ['link', 'rules'],
  ['link/not-there-yet', 'rules'],
] as const) {
  test(`a root at "${root}" is refused`, async (t) => {
    const { folder, opens } = await arrange(t)
    symlinkSync('rules', join(folder, 'link'))
    assert.equal(opens(root), `opens ${held}, which is the gateway’s own`)
  })
}

test('a root beside them is not, nor one whose name begins alike', async (t) => {
  const { opens } = await arrange(t)
  eachCase(['data', 'integrations/data', 'rules-of-mine', 'state2', '..state'], (root) => assert.equal(opens(root), undefined, root))
})
