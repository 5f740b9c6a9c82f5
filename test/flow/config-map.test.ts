/** Manifests, rules and bundles that Kubernetes mounts as ConfigMaps: each version is taken up whole, and what it withdraws is withdrawn. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ask } from '../support/author.ts'
import { createConfigMap } from '../support/config-map.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

test('versions of manifests, rules and bundles in ConfigMaps are taken up, and a withdrawn allow is withdrawn', async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: `integrations: ./mounted/manifests
policy: { rules: ./mounted/rules, bundles: [{ name: lists, folder: ./mounted/lists }] }`,
  })
  const map = (name: string) => createConfigMap(join(installation.folder, 'mounted', name))
  const [manifests, rules, lists] = [map('manifests'), map('rules'), map('lists')]
  const allowing = (...paths: string[]) => grant({ network: [toLocalhost(origin.port, { paths })] })
  const denying = (path: string) =>
    rego`
      package sallyport.rules

      default closed := false

      closed if input.http.path == "${path}"

      deny contains "closed" if closed

      deny contains "listed" if input.http.path in data.acme.closed
    `
  const list = (path: string) => ({ '.manifest': '{"roots":["acme"]}', 'acme/data.json': JSON.stringify({ closed: [path] }) })
  manifests.publish({ 'weather.yaml': allowing('/a', '/b', '/c', '/d') })
  rules.publish({ 'sub/a.rego': denying('/b') })
  lists.publish(list('/c'))
  const { proxyPort } = await startHere(t, installation)
  const states = async () =>
    (await Promise.all(['/a', '/b', '/c', '/d'].map((path) => ask(proxyPort, origin.port, path)))).map(({ status }) => status)
  assert.deepEqual(await states(), [200, 403, 403, 200])

  const decides = (what: string, expected: readonly number[]) => eventually(what, async () => isDeepStrictEqual(await states(), expected))
  manifests.publish({ 'weather.yaml': allowing('/b', '/c', '/d') })
  await decides('the withdrawn allow is withdrawn', [403, 403, 403, 200])
  rules.publish({ 'sub/a.rego': denying('/d') })
  await decides('the new rules decide', [403, 200, 403, 403])
  lists.publish(list('/b'))
  await decides('the new data decides', [403, 403, 200, 403])
  manifests.publish({ 'mailer.yaml': grant({ name: 'mailer' }) })
  await eventually('who has no manifest any more comes in no more', async () => (await ask(proxyPort, origin.port, '/c')).status === 407)
  const activated = () => installation.records().flatMap(({ type, how, by }) => (type === 'activated' ? [`${how} ${by}`] : []))
  const once = ['start folders', 'reload folders', 'reload folders', 'bundle lists', 'reload folders']
  await eventually('each version was taken up once', () => isDeepStrictEqual(activated(), once))
})
