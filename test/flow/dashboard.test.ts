/** The dashboard in a real Chromium: every page and act, both themes and widths, hostile names, roles. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type AdminGateway, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { noBrowser, openBrowser, overflow, seriousFindings, type Visitor, visit } from '../support/dashboard.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { proxyHeader } from '../support/installation.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'
import { unless } from '../support/tools.ts'

/** Lives as long as this file. */
const cleanups: (() => unknown)[] = []
const whole = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) }
const browserTest = (name: string, run: () => Promise<void>) => test(name, unless(noBrowser), run)
const roles = ['viewer', 'auditor', 'operator'] as const

let gateway: AdminGateway
let originPort: number
let browser: Browser

before(async () => {
  if (noBrowser !== null) return
  originPort = (
    await startOrigin(whole, {
      answer: (req, res) =>
        void bodyOf(req)
          .then(() => res.end('hello'))
          .catch(() => {}),
    })
  ).port
  const tokens = roles.map((role) => `{ name: the-${role}, role: ${role}, token: { file: ./${role} } }`).join(', ')
  gateway = await startAdminGateway(
    whole,
    {
      manifests: {
        'weather.yaml': grant({ network: [toLocalhost(originPort, { paths: ['/v1/**'] })] }),
        'mail.yaml': grant({ name: 'mail', network: [toLocalhost(originPort)], limits: { requests: { rate: '1/h', burst: 2 } } }),
      },
      config: 'watch: {}',
      tcp: 'dashboard: {}',
      admin: `tokens: [${tokens}]`,
    },
    async ({ write }) => roles.map((role) => write(role, `token-of-the-${role}`)),
  )
  browser = await openBrowser()
  cleanups.push(() => browser.close())
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

/** The status of a request of an integration, with this path as it stands. */
function send(path: string, name = 'weather'): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host: `localhost:${originPort}`, 'proxy-authorization': proxyHeader(name) }
    const options = {
      host: '127.0.0.1',
      port: gateway.proxyPort,
      path: `http://localhost:${originPort}${path}`,
      headers,
      agent: false as const,
    }
    request(options, (res) => res.resume().on('end', () => resolve(res.statusCode ?? 0)))
      .on('error', reject)
      .end()
  })
}

/** The status of a request of `weather` with a body of so many bytes, to its only destination. */
function upload(bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host: `localhost:${originPort}`, 'proxy-authorization': proxyHeader('weather'), 'content-length': bytes }
    const path = `http://localhost:${originPort}/v1/upload`
    request({ host: '127.0.0.1', port: gateway.proxyPort, method: 'POST', path, headers, agent: false }, (res) =>
      res
        .resume()
        .on('error', reject)
        .on('end', () => resolve(res.statusCode ?? 0)),
    )
      .on('error', reject)
      .end(Buffer.alloc(bytes))
  })
}

async function enter(role: (typeof roles)[number], options: Parameters<typeof visit>[2] = {}): Promise<Visitor> {
  const visitor = await visit(browser, `http://127.0.0.1:${gateway.adminPort}/dashboard/`, options)
  await visitor.page.getByLabel('Token').fill(`token-of-the-${role}`)
  await visitor.page.getByRole('button', { name: 'Sign in' }).click()
  await visitor.page.getByRole('heading', { name: 'Overview' }).waitFor()
  return visitor
}

/** Each page, and a text that is there once it has its answers. */
const pages = {
  overview: 'Who is here',
  'integration/weather': 'http://localhost',
  live: 'following',
  alerts: 'Alerts',
  policy: 'There is no shadow policy',
  audit: 'GET http://localhost',
}
const eachPage = (run: (place: string, text: string) => Promise<void>) =>
  eachCase(Object.entries(pages), ([place, text]) => run(place, text))

browserTest('every page is as wide as the window in both themes, at 375 and 1,440 px, and axe finds nothing serious', async () => {
  assert.deepEqual([await send('/v1/a'), await send('/admin')], [200, 403])
  const looks = [
    { width: 375, theme: 'dark' },
    { width: 1440, theme: 'light' },
  ] as const
  await eachCase(looks, async (look) => {
    const visitor = await enter('operator', look)
    await eachPage(async (place, text) => {
      await visitor.go(place, text)
      assert.deepEqual(await seriousFindings(visitor.page), [])
      assert.equal(await overflow(visitor.page), 0)
      await visitor.page.emulateMedia({ colorScheme: look.theme === 'dark' ? 'light' : 'dark' })
      assert.equal(await overflow(visitor.page), 0)
      await visitor.page.emulateMedia({ colorScheme: look.theme })
    })
    assert.deepEqual(visitor.faults, [])
    await visitor.close()
  })
})

/** Presses it, gives the values and the reason, and confirms; resolves once it is done. */
async function act({ page }: Visitor, button: string, reason: string, values: Readonly<Record<string, string>> = {}): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).first().click()
  const dialog = page.getByRole('dialog')
  await Promise.all(
    Object.entries(values).map(([label, value]) =>
      label === 'State' ? dialog.getByLabel(label).selectOption(value) : dialog.getByLabel(label).fill(value),
    ),
  )
  await dialog.getByLabel(/^Reason/).fill(reason)
  await dialog.locator('button[type=submit]').click()
  const refused = dialog.getByRole('alert')
  await Promise.race([dialog.waitFor({ state: 'detached' }), refused.waitFor()])
  assert.equal(await dialog.count(), 0, (await refused.allInnerTexts()).join())
}

/** Acts that were recorded: what, on what, why, and by whom. */
const acted = () =>
  gateway.installation
    .records()
    .filter(({ type }) => type === 'acted')
    .map(({ act: what, reason, who, ok }) => `${what}: ${reason} (${who}, ${ok})`)

browserTest('revisions are reloaded, rolled back, followed and promoted, each with a reason that is recorded', async () => {
  const visitor = await enter('operator')
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
  assert.deepEqual(
    acted().filter((line) => line.includes('the-operator')),
    [
      'reload: another integration (the-operator, true)',
      'rollback: too early (the-operator, true)',
      'follow: it is time (the-operator, true)',
      'activate: the older one after all (the-operator, true)',
      'follow: done (the-operator, true)',
    ],
  )
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('an integration is held and released again, not without a reason, and not where the act is given up', async () => {
  const visitor = await enter('operator')
  const { page } = visitor
  await visitor.go('integration/mail', 'normal')
  assert.equal(await send('/v1/a', 'mail'), 200)
  const hold = page.locator('button.danger')
  await hold.click()
  await page.getByRole('dialog').locator('button[type=submit]').click()
  assert.equal(await page.locator('#act-reason:invalid').count(), 1)
  await page.keyboard.press('Escape')
  assert.equal(await send('/v1/a', 'mail'), 200)
  await act(visitor, (await hold.innerText()).trim(), 'it behaves oddly')
  await page.getByText('suspended').first().waitFor()
  assert.equal(await send('/v1/a', 'mail'), 403)
  await act(visitor, (await page.locator('.title-row button.primary').innerText()).trim(), 'it was a deploy')
  await page.getByText('normal').first().waitFor()
  assert.notEqual(await send('/v1/a', 'mail'), 403)
  assert.deepEqual(acted().filter((line) => /oddly|deploy/.test(line)).length, 2)
  await visitor.close()
})

browserTest('a decision is seen as it happens, filtered, and explained: rule, capability, and what would change it', async () => {
  const visitor = await enter('auditor')
  const { page } = visitor
  await visitor.go('live?filter=integration:weather', 'following')
  assert.deepEqual([await send('/secret/a'), await send('/v1/b', 'mail')].slice(0, 1), [403])
  await page.getByRole('cell', { name: '/secret/a' }).waitFor()
  assert.equal(await page.getByRole('cell', { name: '/v1/b' }).count(), 0)
  await page.getByRole('button', { name: 'Why' }).first().click()
  const why = page.getByRole('complementary')
  await why.getByText('What would change it').waitFor({ timeout: 30_000 })
  const told = await why.innerText()
  assert.match(told, /default\/deny/)
  assert.match(told, /network\/0 does not allow the path \/secret\/a/)
  assert.match(told, /integrations\/weather\.yaml[\s\S]*paths: \[\/secret\/a\]/)
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('the log is asked, summed and taken away as a file; one record comes with its proof', async () => {
  assert.equal(await send('/v1/proved'), 200)
  const visitor = await enter('auditor')
  const { page } = visitor
  await visitor.go('audit?filter=path:/v1/proved', '/v1/proved')
  const file = page.waitForEvent('download')
  await page.getByRole('button', { name: 'CSV' }).click()
  assert.equal((await file).suggestedFilename(), 'audit.csv')
  await page.getByRole('button', { name: 'Open' }).first().click()
  await page.getByText(/: decided/).click()
  const proof = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download proof' }).first().click()
  assert.match(readFileSync(await (await proof).path(), 'utf8'), /^c2sp\.org\/tlog-proof@v1\n/)
  await page.getByLabel('Sum up by').selectOption('host')
  await page.getByRole('cell', { name: 'localhost' }).waitFor()
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('an incident is opened, noted on, reported and closed', async () => {
  const visitor = await enter('operator')
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

browserTest('what others chose is text on every page, whatever it looks like', async () => {
  const [markup, turned] = ['<img src=x onerror=alert(1)>', 'a\u202egnp.exe\u001b[2J']
  const labels = { team: markup }
  gateway.installation.write(
    'integrations/hostile.yaml',
    grant({ name: 'hostile', owner: `${markup}a\u202egnp.exe`, labels, network: [toLocalhost(originPort)] }),
  )
  const visitor = await enter('operator')
  const { page } = visitor
  await visitor.go('policy', 'folders and bundles')
  await act(visitor, 'Reload', `${markup}${turned}`)
  assert.equal(await send(`/v1/${markup.replaceAll(' ', '/')}`, 'hostile'), 200)
  await visitor.go('alerts', 'Incidents')
  await act(visitor, 'Open incident', `${markup}${turned}`, { Integration: 'hostile' })
  await page.getByRole('cell', { name: markup }).waitFor()
  const places = [
    ...Object.keys(pages),
    'integration/hostile',
    `audit?${new URLSearchParams({ filter: 'integration:hostile' })}`,
    `live?${new URLSearchParams({ filter: markup })}`,
  ]
  await eachCase(places, async (place) => {
    await visitor.go(place)
    assert.equal(await page.locator('main img, main script, main iframe').count(), 0)
    assert.doesNotMatch((await page.locator('body').textContent()) ?? '', /(?!\n)[\p{Cc}\u202e]/u)
  })
  await visitor.go('integration/hostile', 'manifest hostile.yaml')
  assert.match(await page.locator('main').innerText(), /owner <img src=x onerror=alert\(1\)>a\\u\{202e\}gnp\.exe/)
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('a viewer and an auditor see what their role may see, and no act', async () => {
  const shown = async (role: 'viewer' | 'auditor') => {
    const visitor = await enter(role)
    const links = await visitor.page.getByRole('navigation').getByRole('link').allInnerTexts()
    await visitor.go('policy', 'folders and bundles')
    const onPolicy = await visitor.page.locator('main').getByRole('button').allInnerTexts()
    await visitor.go('integration/weather', 'Buckets now')
    const acts = await visitor.page.locator('.title-row').first().getByRole('button').count()
    await visitor.go('audit', 'Audit')
    const text = await visitor.page.locator('main').innerText()
    await visitor.close()
    return { links, onPolicy: [...new Set(onPolicy)], acts, isRefused: text.includes('This page is for the role auditor') }
  }
  assert.deepEqual(await shown('viewer'), { links: ['Overview', 'Policy'], onPolicy: [], acts: 0, isRefused: true })
  assert.deepEqual(await shown('auditor'), {
    ...{ links: ['Overview', 'Live', 'Alerts', 'Policy', 'Audit'], onPolicy: ['Compare'], acts: 0, isRefused: false },
  })
})

browserTest('everything is reached with the keyboard: a page, the theme, an act', async () => {
  const visitor = await enter('operator')
  const { page } = visitor
  await page.keyboard.press('Tab')
  await page.getByText('Skip to content').waitFor()
  await page.getByRole('link', { name: 'Policy' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Reload' }).focus()
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.name'), 'reason')
  await page.keyboard.press('Escape')
  const theme = page.getByRole('button', { name: 'Theme: system. Change' })
  await theme.focus()
  await page.keyboard.press('Enter')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark')
  await visitor.close()
})

browserTest('an alert is seen, acknowledged and answered with containment, and says what is usual', async () => {
  // A rule that is shipped may cut it.
  await upload(10_000_000).catch(() => {})
  const visitor = await enter('operator')
  const { page } = visitor
  await visitor.go('alerts', 'exfiltration')
  await page.getByRole('row', { name: 'exfiltration' }).getByRole('button', { name: 'Open' }).click()
  await page.getByText('Why it is unusual').waitFor()
  assert.deepEqual(await seriousFindings(page), [])
  await act(visitor, 'Acknowledge', 'a migration')
  await page.getByRole('row', { name: 'exfiltration' }).getByText('acknowledged').waitFor()
  await page.getByRole('row', { name: 'exfiltration' }).getByRole('button', { name: 'Open' }).click()
  await act(visitor, 'Contain', 'to be sure', { State: 'killed' })
  await visitor.go('integration/weather', 'killed')
  await page.getByRole('heading', { name: 'Destinations against what is usual' }).waitFor()
  await act(visitor, 'Lift', 'it was one')
  await page.locator('.title-row').getByText('normal').waitFor()
  const reasons = /migration|to be sure|it was one/
  assert.deepEqual(
    acted().filter((line) => reasons.test(line)),
    ['acknowledge: a migration (the-operator, true)', 'contain: to be sure (the-operator, true)', 'lift: it was one (the-operator, true)'],
  )
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})
