/** Bundles of this machine, and several beside one another, through a whole gateway. */

import assert from 'node:assert/strict'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { doctor } from '../../src/cli/doctor.ts'
import { loadConfig } from '../../src/config/index.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { type BundleGateway, startBundleGateway } from '../support/bundle-gateway.ts'
import { startBundleServer } from '../support/bundle-server.ts'
import { bundleOf } from '../support/bundles.ts'
import { eventually } from '../support/eventually.ts'
import { createInstallation } from '../support/installation.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const closing = (path: string) =>
  rego`
    package sallyport.rules

    import rego.v1

    deny contains "closed" if startswith(input.http.path, "${path}")
  `
const bundle = (revision: string, path: string) =>
  bundleOf({ '.manifest': { revision, roots: ['sallyport/rules'] }, 'rules.rego': closing(path) })
const looked = async ({ get }: BundleGateway) => [await get('/one'), await get('/two')]

compilerTest('an archive is followed, and a bad one changes nothing', async (t) => {
  const place = createInstallation(t)
  const file = join(place.folder, 'acme.tar.gz')
  const replace = (bytes: Uint8Array) => {
    writeFileSync(`${file}.new`, bytes)
    renameSync(`${file}.new`, file)
  }
  replace(await bundle('r1', '/one'))
  const gateway = await startBundleGateway(t, `{ bundles: [{ name: acme, file: ${file} }] }`)
  assert.deepEqual([await gateway.ready(), ...(await looked(gateway))], [true, 403, 200])
  replace(await bundle('r2', '/two'))
  await eventually('the second decides', async () => (await gateway.bundle()).activeRevision === 'r2')
  assert.deepEqual(await looked(gateway), [200, 403])
  replace((await bundle('r3', '/one')).subarray(0, 50))
  await eventually('the third was refused', async () => (await gateway.bundle()).message?.startsWith(`${file}: `))
  assert.deepEqual(await looked(gateway), [200, 403])
})

compilerTest('a folder is followed', async (t) => {
  const place = createInstallation(t)
  const folder = join(place.folder, 'acme')
  mkdirSync(folder)
  place.write('acme/.manifest', '{ "revision": "r1", "roots": ["sallyport/rules"] }')
  place.write('acme/rules.rego', closing('/one'))
  const gateway = await startBundleGateway(t, `{ bundles: [{ name: acme, folder: ${folder} }] }`)
  assert.deepEqual(await looked(gateway), [403, 200])
  place.write('acme/rules.rego', closing('/two'))
  await eventually('the change decides', async () => (await gateway.get('/two')) === 403)
  assert.deepEqual(await looked(gateway), [200, 403])
})

test('a bad archive ends the start with its place', async (t) => {
  const place = createInstallation(t, { config: 'policy: { bundles: [{ name: acme, file: ./acme.tar.gz }] }' })
  const file = join(place.folder, 'acme.tar.gz')
  const start = () => startGateway(loadConfig(place.configFile), { logTo: { write() {} } })
  await assert.rejects(start, { message: `${file}: cannot be read: ENOENT` })
  writeFileSync(file, 'no archive')
  await assert.rejects(start, /acme\.tar\.gz: is not a readable tar archive/)
})

compilerTest('with two bundles the gateway waits for both, and refuses what they both define', async (t) => {
  const server = await startBundleServer(t)
  server.publish('one', await bundle('r1', '/one'))
  const polling = 'polling: { minDelay: 20ms, maxDelay: 60ms }'
  const gateway = await startBundleGateway(
    t,
    `{ servers: [{ name: opa, url: "${server.url}" }], bundles: [{ name: one, server: opa, ${polling} }, { name: two, server: opa, ${polling} }] }`,
  )
  await eventually('the first is there', async () => (await gateway.bundle('one')).lastSuccessfulDownload)
  await eventually('the second is asked for', async () => (await gateway.bundle('two')).message)
  assert.deepEqual([await gateway.ready(), ...(await looked(gateway))], [false, 403, 403])
  server.publish('two', await bundle('r1', '/two'))
  await eventually('they were seen to overlap', async () =>
    /roots: "sallyport\/rules" and "sallyport\/rules" overlap between it and the bundle one/.test(
      (await gateway.bundle('two')).message ?? '',
    ),
  )
  assert.equal(await gateway.ready(), false)
  server.publish('two', await bundleOf({ '.manifest': { revision: 'r2', roots: ['acme'] }, 'acme/data.json': { x: 1 } }))
  await eventually('the gateway is ready', gateway.ready)
  assert.deepEqual(await looked(gateway), [403, 200])
  assert.deepEqual([(await gateway.bundle('one')).activeRevision, (await gateway.bundle('two')).activeRevision], ['r1', 'r2'])
})

compilerTest('rules of the folder that do not go with a bundle leave the last good set', async (t) => {
  const server = await startBundleServer(t)
  server.publish('acme', await bundle('r1', '/one'))
  const place = createInstallation(t)
  mkdirSync(join(place.folder, 'rules'))
  const gateway = await startBundleGateway(
    t,
    `{ rules: ${join(place.folder, 'rules')}, servers: [{ name: opa, url: "${server.url}" }], bundles: [{ name: acme, server: opa }] }`,
  )
  await eventually('the gateway is ready', gateway.ready)
  place.write(
    'rules/own.rego',
    rego`
      package sallyport.rules

      import rego.v1

      deny contains data.acme.missing(1) if input.http.path == "/two"
    `,
  )
  assert.match((await gateway.post('/v1/reload')).problem ?? '', /rules\/own\.rego:5:\d+: /)
  assert.deepEqual(await looked(gateway), [403, 200])
  place.write('rules/own.rego', closing('/two'))
  assert.equal((await gateway.post('/v1/reload')).ok, true)
  assert.deepEqual(await looked(gateway), [403, 403])
})

test('doctor tells of bundles that are not here, and of what anybody on the way could change', async (t) => {
  const place = createInstallation(t, {
    config:
      'policy: { servers: [{ name: opa, url: "http://bundles.example/", token: { file: token } }], bundles: [{ name: acme, server: opa }] }',
  })
  place.write('token', 'the-right-token')
  const checks = await doctor(place.configFile)
  const found = checks.filter(({ name }) => name === 'bundles' || name === 'policy')
  assert.deepEqual(
    found.map(({ state, detail }) => [state, detail]),
    [
      [
        'warn',
        'opa: its token travels in the clear\nacme: neither signed nor over TLS, so an attacker on the network can change the policy\nnot here yet, so that everything is denied until a server sends them: acme',
      ],
      ['warn', 'cannot be built before its bundles are here'],
    ],
  )
})
