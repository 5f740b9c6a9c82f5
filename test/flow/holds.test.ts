/** Legal holds by the command and over HTTP. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askAdmin, bearer, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { grant } from '../support/grant.ts'
import { main } from '../support/installation.ts'

test('an operator holds records and releases them, and an auditor sees what is held', async (t) => {
  const { adminPort, installation } = await startAdminGateway(
    t,
    {
      manifests: { 'weather.yaml': grant() },
      admin: `tokens: [{ name: ann, role: auditor, token: { file: ./ann } }, { name: olga, role: operator, token: { file: ./olga } }]`,
    },
    async ({ write }) => {
      write('ann', 'token-of-the-auditor')
      write('olga', 'token-of-the-operator')
    },
  )
  const [auditor, operator] = [bearer('token-of-the-auditor'), bearer('token-of-the-operator')]
  const hold = (...words: readonly string[]) =>
    command(process.execPath, [main, 'audit', 'hold', ...words, '--config', installation.configFile])
  const post = async (path: string, headers: Readonly<Record<string, string>>) =>
    askAdmin(adminPort, `/v1/audit/${path}`, { method: 'POST', headers })

  const added = await hold(
    'add',
    '--reason',
    'case \u001b[31m7',
    '--from',
    '1',
    '--to',
    '9',
    '--integration',
    'weather',
    '--until',
    '2099-01-01',
  )
  const [, id = ''] = /^held: ([0-9a-f]{12}); /.exec(added.stdout) ?? []
  assert.notEqual(id, '', added.stderr)
  const listed = await hold('list')
  assert.match(listed.stdout, new RegExp(`^${id} .* 2099-01-01T00:00:00.000Z +1\\S+9 +weather +socket +case \\\\u001b\\[31m7$`, 'm'))
  const seen = await askAdmin(adminPort, '/v1/audit/holds', { headers: auditor })
  assert.partialDeepStrictEqual(JSON.parse(seen.text), { holds: [{ id, from: 1, to: 9, integration: 'weather', who: 'socket' }] })
  assert.equal((await post('holds?reason=x', auditor)).status, 403)
  assert.equal((await post(`holds/${id}/release?reason=x`, auditor)).status, 403)
  await eachCase(
    [
      'holds',
      'holds?reason=',
      'holds?reason=x&from=-1',
      'holds?reason=x&from=5&to=4',
      'holds?reason=x&until=soon',
      'holds?reason=x&form=1',
      'holds?reason=x&reason=y',
      'holds?reason=x&integration=Weather',
      `holds/${id}/release`,
    ],
    async (path) => assert.equal((await post(path, operator)).status, 422, path),
  )
  assert.equal((await post(`holds/${id}/release?reason=closed`, operator)).status, 200)
  assert.match((await hold('release', id, '--reason', 'again')).stderr, /there is no hold/)
  const records = installation.records().filter(({ type }) => type === 'hold' || type === 'released')
  assert.partialDeepStrictEqual(records, [
    {
      type: 'hold',
      hold: id,
      from: 1,
      to: 9,
      integration: 'weather',
      reason: 'case \u001b[31m7',
      who: 'socket',
      role: 'operator',
      by: 'socket',
    },
    { type: 'released', hold: id, reason: 'closed', who: 'olga', role: 'operator', by: 'token' },
  ])
})
