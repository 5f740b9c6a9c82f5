/** The acts of the dashboard in a real Chromium: each needs a confirmation, is recorded, and does what it says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type AdminGateway, startAdminGateway } from '../support/admin-gateway.ts'
import { type PostedTo, startReceiver } from '../support/alert-receivers.ts'
import { act, noBrowser, openBrowser, seriousFindings, signIn, type Visitor } from '../support/dashboard.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { proxyHeader } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'
import { unless } from '../support/tools.ts'

/** Lives as long as this file. */
const cleanups: (() => unknown)[] = []
const whole = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) }
const browserTest = (name: string, run: () => Promise<void>) => test(name, unless(noBrowser), run)
const operators = ['olga', 'otto'] as const

let gateway: AdminGateway
let receiver: PostedTo
let originPort: number
let browser: Browser

before(async () => {
  if (noBrowser !== null) return
  const answer = (req: Parameters<typeof bodyOf>[0], res: { end(text: string): void }) =>
    void bodyOf(req)
      .then(() => res.end('hello'))
      .catch(() => {})
  originPort = (await startOrigin(whole, { answer })).port
  receiver = await startReceiver(whole)
  const tokens = operators.map((name) => `{ name: ${name}, role: operator, token: { file: ./${name} } }`).join(', ')
  gateway = await startAdminGateway(
    whole,
    {
      manifests: {
        'weather.yaml': grant({ network: [toLocalhost(originPort, { paths: ['/v1/**'] })] }),
        'mail.yaml': grant({ name: 'mail', network: [toLocalhost(originPort)] }),
      },
      config: `watch: { receivers: [{ name: on-call, type: webhook, url: "${receiver.url}/hook", minSeverity: critical, rules: [expiry] }] }\ncontainment: { approval: [killed] }`,
      tcp: 'dashboard: {}',
      admin: `tokens: [${tokens}]`,
    },
    async ({ write }) => operators.map((name) => write(name, `token-of-operator-${name}`)),
  )
  browser = await openBrowser()
  cleanups.push(() => browser.close())
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

const enter = (name: (typeof operators)[number] = 'olga'): Promise<Visitor> =>
  signIn(browser, gateway.adminPort, `token-of-operator-${name}`)

/** The status of a request of `mail`, or of an upload of so many bytes of `weather`, to its only destination. */
function send(bytes: number | null = null): Promise<number> {
  const name = bytes === null ? 'mail' : 'weather'
  const headers = {
    ...{ host: `localhost:${originPort}`, 'proxy-authorization': proxyHeader(name) },
    ...(bytes !== null && { 'content-length': bytes }),
  }
  const path = `http://localhost:${originPort}/v1/a`
  const method = bytes === null ? 'GET' : 'POST'
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: gateway.proxyPort, method, path, headers, agent: false }, (res) =>
      res
        .resume()
        .on('error', reject)
        .on('end', () => resolve(res.statusCode ?? 0)),
    )
      .on('error', reject)
      .end(bytes === null ? undefined : Buffer.alloc(bytes))
  })
}

/** Acts that were recorded, with a reason among these: what, why, and by whom. */
const acted = (reasons: RegExp) =>
  gateway.installation
    .records()
    .filter(({ type, reason }) => type === 'acted' && reasons.test(String(reason)))
    .map(({ act: what, reason, who, ok }) => `${what}: ${reason} (${who}, ${ok})`)

browserTest('revisions are reloaded, rolled back, followed and promoted, each with a reason that is recorded', async () => {
  const visitor = await enter()
  await visitor.go('policy', 'folders and bundles')
  gateway.installation.write('integrations/more.yaml', grant({ name: 'more' }))
  await act(visitor, 'Reload', 'another integration')
  await visitor.page.getByRole('link', { name: 'more' }).first().waitFor()
  await act(visitor, 'Roll back', 'too early')
  await visitor.page.getByText('nothing: pinned').waitFor()
  await act(visitor, 'Follow', 'it is time')
  await visitor.page.getByText('folders and bundles').first().waitFor()
  await act(visitor, 'Promote', 'the older one after all')
  await visitor.page.getByText('nothing: pinned').waitFor()
  await act(visitor, 'Follow', 'done')
  assert.deepEqual(acted(/another integration|too early|it is time|the older one|done/), [
    'reload: another integration (olga, true)',
    'rollback: too early (olga, true)',
    'follow: it is time (olga, true)',
    'activate: the older one after all (olga, true)',
    'follow: done (olga, true)',
  ])
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('an integration is held and released again, not without a reason, and not where the act is given up', async () => {
  const visitor = await enter()
  const { page } = visitor
  await visitor.go('integration/mail', 'normal')
  assert.equal(await send(), 200)
  const hold = page.locator('button.danger')
  await hold.click()
  await page.getByRole('dialog').locator('button[type=submit]').click()
  assert.equal(await page.locator('#act-reason:invalid').count(), 1)
  await page.keyboard.press('Escape')
  assert.equal(await send(), 200)
  await act(visitor, (await hold.innerText()).trim(), 'it behaves oddly')
  await page.getByText('suspended').first().waitFor()
  assert.equal(await send(), 403)
  await act(visitor, (await page.locator('.title-row button.primary').innerText()).trim(), 'it was a deploy')
  await page.getByText('normal').first().waitFor()
  assert.notEqual(await send(), 403)
  assert.deepEqual(acted(/oddly|deploy/).length, 2)
  await visitor.close()
})

browserTest('an incident is opened, noted on, reported and closed', async () => {
  const visitor = await enter()
  const { page } = visitor
  await visitor.go('alerts', 'Incidents')
  await act(visitor, 'Open incident', 'an upload', { Integration: 'weather' })
  await page.getByRole('button', { name: 'Report' }).first().click()
  await page.getByText('Questions for the review').waitFor({ timeout: 30_000 })
  await act(visitor, 'Note', 'the key was changed')
  await page.getByText('the key was changed', { exact: true }).waitFor({ timeout: 30_000 })
  const file = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Markdown' }).click()
  assert.match(readFileSync(await (await file).path(), 'utf8'), /^# /)
  await act(visitor, 'Close incident', 'the manifest names the hosts')
  await page.getByRole('cell', { name: 'closed' }).waitFor()
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('an alert is seen, acknowledged and answered with containment, and says what is usual', async () => {
  // A rule that is shipped may cut it.
  await send(10_000_000).catch(() => {})
  const visitor = await enter()
  const { page } = visitor
  await visitor.go('alerts', 'exfiltration')
  await page.getByRole('row', { name: 'exfiltration' }).getByRole('button', { name: 'Open' }).click()
  await page.getByText('Why it is unusual').waitFor()
  assert.deepEqual(await seriousFindings(page), [])
  await act(visitor, 'Acknowledge', 'a migration')
  await page.getByRole('row', { name: 'exfiltration' }).getByText('acknowledged').waitFor()
  await page.getByRole('row', { name: 'exfiltration' }).getByRole('button', { name: 'Open' }).click()
  await act(visitor, 'Contain', 'to be sure', { State: 'watched' })
  await visitor.go('integration/weather', 'watched')
  await page.getByRole('heading', { name: 'Destinations against what is usual' }).waitFor()
  await act(visitor, 'Lift', 'it was one')
  await page.locator('.title-row').getByText('normal').waitFor()
  assert.deepEqual(acted(/migration|to be sure|it was one/), [
    'acknowledge: a migration (olga, true)',
    'contain: to be sure (olga, true)',
    'lift: it was one (olga, true)',
  ])
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('records are held for good from the page of the log, and released, each with a reason that is recorded', async () => {
  const visitor = await enter()
  const { page } = visitor
  await visitor.go('audit?filter=integration:mail', 'Legal holds')
  await page.getByRole('button', { name: 'Legal holds' }).click()
  await page.getByText('Nothing is held.').waitFor()
  await act(visitor, 'Hold records', 'case <b>7</b>', { 'From record': '1', 'To record': '9' })
  const hold = page.getByRole('region', { name: /^Hold / })
  await hold.getByText('1 to 9').waitFor()
  assert.match(await hold.innerText(), /case <b>7<\/b>[\s\S]*mail[\s\S]*olga[\s\S]*it is released/)
  assert.deepEqual(await seriousFindings(page), [])
  await act(visitor, 'Release', 'the case is closed')
  await page.getByText('Nothing is held.').waitFor()
  assert.deepEqual(acted(/case/), ['hold: case <b>7</b> (olga, true)', 'release: the case is closed (olga, true)'])
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('a receiver is tested: what it answered is said, and why it takes nothing', async () => {
  const visitor = await enter()
  const { page } = visitor
  await visitor.go('alerts', 'Incidents')
  await act(visitor, 'Test a receiver', 'a new address', { Receiver: 'on-call' })
  await page.getByText(/^Taken in .*s, with 200$/).waitFor()
  assert.deepEqual(
    receiver.taken.map(({ text }) => JSON.parse(text).type),
    ['alert.test'],
  )
  receiver.answers.push((res) => void res.writeHead(403).end('not you'))
  await assert.rejects(act(visitor, 'Test a receiver', 'once more'), /answers with 403: not you/)
  assert.deepEqual(acted(/new address|once more/), ['test-receiver: a new address (olga, true)', 'test-receiver: once more (olga, false)'])
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('a kill waits for a second operator, who sees who asked for it and why, and approves it', async () => {
  const first = await enter('olga')
  await first.go('integration/mail', 'normal')
  await act(first, 'Contain', 'it calls home', { State: 'killed' })
  await first.page.getByText('waits for a second operator').waitFor()
  await assert.rejects(act(first, 'Approve', 'by myself'), /olga/)
  const second = await enter('otto')
  await second.go('integration/mail', 'waits for a second operator')
  await second.page.getByRole('button', { name: 'Approve' }).click()
  await second.page.getByRole('dialog').getByText('olga has asked for it: it calls home').waitFor()
  await second.page.keyboard.press('Escape')
  await act(second, 'Approve', 'I have seen it')
  await second.page.locator('.title-row').getByText('killed').waitFor()
  assert.equal(await second.page.getByText('waits for a second operator').count(), 0)
  await act(second, 'Lift', 'a false alarm')
  await second.page.locator('.title-row').getByText('normal').waitFor()
  assert.equal(await send(), 200)
  assert.deepEqual([first.faults, second.faults], [[], []])
  await Promise.all([first.close(), second.close()])
})
