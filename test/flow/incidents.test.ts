/** Incidents by the command and over HTTP: opened, noted, closed and reported by a gateway that runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marked } from 'marked'
import { createProgram } from '../../src/cli/index.ts'
import { askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase, until } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { exchangeRaw, proxyHeader } from '../support/installation.ts'

const hostile = '<img src=x onerror=alert(1)> [a](http://evil.example) | \u001b[2J'

test('an operator opens, notes and closes an incident, and an auditor reads its report with what was recorded', async (t) => {
  const { adminPort, installation, proxyPort } = await startAdminGateway(
    t,
    {
      manifests: { 'weather.yaml': grant() },
      config: 'audit: { personal: [path] }',
      admin: `tokens: [{ name: ann, role: auditor, token: { file: ./ann } }, { name: pia, role: auditor, personal: true, token: { file: ./pia } }, { name: olga, role: operator, token: { file: ./olga } }]`,
    },
    async ({ write }) => {
      write('ann', 'token-of-the-auditor')
      write('pia', 'token-of-the-trusted')
      write('olga', 'token-of-the-operator')
    },
  )
  const [auditor, trusted, operator] = ['auditor', 'trusted', 'operator'].map((who) => bearer(`token-of-the-${who}`))
  const run = async (...words: readonly string[]) => {
    let printed = ''
    const all = [...words, '--config', installation.configFile]
    const program = await createProgram(all, (text) => {
      printed += text
    })
    await program.parseAsync(all, { from: 'user' })
    return printed
  }
  const get = async (path: string, headers = auditor) => askAdmin(adminPort, `/v1/incidents${path}`, { headers: headers ?? {} })
  const post = async (path: string, headers = operator) =>
    askAdmin(adminPort, `/v1/incidents${path}`, { method: 'POST', headers: headers ?? {} })
  const request = (host: string) =>
    exchangeRaw(
      proxyPort,
      `GET http://${host}/secret-path HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
    )

  await request('evil.example')
  await run('suspend', 'weather', '--reason', hostile)
  await request('other.example')
  await run('resume', 'weather')
  const [, id = ''] = /^opened: (inc-[0-9a-f]{12}); /.exec(await run('incident', 'open', 'weather', '--title', hostile)) ?? []
  assert.match(await run('incident', 'note', id, 'the key was changed'), new RegExp(`^noted: ${id}$`, 'm'))
  assert.equal((await post(`/${id}/close?text=it+is+over`)).status, 200)

  const { incidents } = JSON.parse((await get('')).text) as { readonly incidents: readonly unknown[] }
  assert.partialDeepStrictEqual(incidents, [{ id, state: 'closed', openedBy: 'socket', closedBy: 'olga', title: hostile }])
  let report = JSON.parse((await get(`/${id}`, trusted)).text)
  // The newest records are signed within a second.
  await until(
    () => report.proof.problem === null,
    async () => {
      report = JSON.parse((await get(`/${id}`, trusted)).text)
    },
  )
  assert.partialDeepStrictEqual(report, {
    figures: { requests: 2, denied: 1, refused: 1, destinations: [{ destination: 'evil.example:80', isNew: true }, { requests: 1 }] },
    times: { contained: { what: 'suspended' }, recovered: { what: 'normal' } },
  })
  assert.ok(
    report.timeline.some(({ what }: { readonly what: string }) => what.startsWith('containment set: suspended') && what.endsWith(hostile)),
  )
  const masked = JSON.parse((await get(`/${id}`)).text)
  assert.match(masked.proof.problem, /hidden from you/)
  const markdown = await get(`/${id}?format=md`, trusted)
  assert.equal(markdown.headers['content-type'], 'text/markdown; charset=utf-8')
  assert.doesNotMatch(await marked.parse(markdown.text, { gfm: true }), /<img|<a /)
  assert.match(await run('incident', 'show', id), /contained +\S+ +after /)

  await eachCase(
    [
      '',
      '?integration=Weather',
      '?integration=weather&from=2099-01-01',
      '?integration=weather&who=me',
      `/${id}/close?text=again`,
      `/${id}/note`,
      '/inc-none/note?text=x',
    ],
    async (path) => assert.equal((await post(path)).status, 422, path),
  )
  assert.equal((await post('?integration=weather', auditor)).status, 403)
  assert.equal((await get('/inc-none')).status, 404)
  assert.equal((await get(`/${id}?format=html`)).status, 400)
  assert.ok(installation.records().some(({ type, what }) => type === 'read' && what === 'incident'))
})
