/** What separates two revisions, by the command that tells it. */

import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installationWithRules, sallyport } from '../support/author.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { startHere } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

test('diff tells what a change on disk would allow, and what separates two kept revisions', async (t) => {
  const installation = installationWithRules(t, { 'weather.yaml': grant({ network: [toLocalhost(8080)] }) })
  const early = await sallyport(installation, 'diff')
  assert.equal(early.code, 69)
  assert.match(early.stderr, /^no revision was active yet/)

  // A running gateway follows the folders: what is on disk and not yet active is there only without one.
  const revisionOfStart = async () => {
    const { gateway } = await startHere(t, installation)
    const { revision } = await gateway.reload()
    await gateway.close()
    return revision
  }
  const first = await revisionOfStart()
  const same = await sallyport(installation, 'diff')
  assert.deepEqual([same.code, same.stdout], [0, `${first} and latest are the same\n`])

  installation.write('integrations/weather.yaml', grant({ network: [toLocalhost(8081)] }))
  installation.write('integrations/mail.yaml', grant({ name: 'mail', services: [] }))
  installation.write(
    'rules/a.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains "no" if input.http.path == "/no"
    `,
  )
  const changed = await sallyport(installation, 'diff')
  assert.deepEqual([changed.code, changed.stderr], [1, ''])
  assert.match(
    changed.stdout,
    /^\S+ .* latest\nintegration mail added\nintegration weather\n {2}network\/0 changed: localhost\n {4}newly allowed: port 8081\n {4}no longer allowed: port 8080\n--- \/dev\/null\n\+\+\+ b\/rules\/a\.rego\n/,
  )

  const second = await revisionOfStart()
  rmSync(join(installation.folder, 'rules/a.rego'))
  const kept = JSON.parse((await sallyport(installation, 'diff', first, second, '--json')).stdout)
  assert.deepEqual([kept.from, kept.to, kept.same], [first, second, false])
  assert.deepEqual(
    kept.integrations.map(({ name, change }: { name: string; change: string }) => [name, change]),
    [
      ['mail', 'added'],
      ['weather', 'changed'],
    ],
  )
  assert.deepEqual(kept.rules[0].change, 'added')
  assert.equal((await sallyport(installation, 'diff', second, 'active')).code, 0)

  const unknown = await sallyport(installation, 'diff', 'nosuch')
  assert.equal(unknown.code, 64)
  assert.match(unknown.stderr, /^the revision "nosuch" is unknown; "sallyport policy list" shows those that are kept/)
  assert.equal((await sallyport(installation, 'diff', '--jsn')).code, 64)
  // What is kept was changed since: that is said, and nothing is compared.
  const { manifests } = JSON.parse(installation.read(`state/policies/history/${first}/revision.json`))
  writeFileSync(join(installation.folder, 'state/policies/history', first, manifests), 'name: evil\n')
  const tampered = await sallyport(installation, 'diff', first)
  assert.equal(tampered.code, 1)
  assert.match(tampered.stderr, /^what is kept of the manifests was changed since: [^\n]+\n$/)
})
