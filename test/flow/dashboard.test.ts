/** The dashboard in a real Chromium: every page in both themes and widths, hostile names, roles. Its acts: dashboard-acts.test.ts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type AdminGateway, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { act, noBrowser, openBrowser, overflow, seriousFindings, signIn, type Visitor, type visit } from '../support/dashboard.ts'
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

const enter = (role: (typeof roles)[number], options: Parameters<typeof visit>[2] = {}): Promise<Visitor> =>
  signIn(browser, gateway.adminPort, `token-of-the-${role}`, options)

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

const looks = (['light', 'dark'] as const).flatMap((theme) => [375, 1440].map((width) => ({ theme, width })))

browserTest('every page is as wide as the window in both themes, at 375 and 1,440 px, and axe finds nothing serious', async () => {
  assert.deepEqual([await send('/v1/a'), await send('/admin')], [200, 403])
  const visitor = await enter('operator')
  const { page } = visitor
  await eachPage(async (place, text) => {
    await visitor.go(place, text)
    await eachCase(looks, async ({ theme, width }) => {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme: theme })
      assert.equal(await overflow(page), 0, place)
      assert.deepEqual(await seriousFindings(page), [], place)
    })
  })
  assert.deepEqual(visitor.faults, [])
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
  // The column of what happened takes the room that others leave.
  assert.ok((await page.evaluate<number>('document.querySelector("td.wide").offsetWidth')) > 600)
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

browserTest('how much was used of each quota is drawn per minute, hour and day, from what is kept', async () => {
  const visitor = await enter('viewer')
  const { page } = visitor
  await visitor.go('integration/weather', 'Buckets now')
  await eachCase(
    [
      ['Hours', 'minute'],
      ['Days', 'hour'],
      ['Months', 'day'],
    ] as const,
    async ([range, window]) => {
      await page.getByRole('button', { name: range }).click()
      await page
        .getByRole('img', { name: `The most that was used of each quota, by ${window}` })
        .locator('canvas')
        .waitFor()
    },
  )
  assert.deepEqual(visitor.faults, [])
  await visitor.close()
})

browserTest('what was read of the log is one row until it is asked for, so that it does not hide what happened', async () => {
  const visitor = await enter('auditor')
  const { page } = visitor
  await visitor.go('integration/weather', 'Recent decisions')
  await page.getByText('default/network/0').first().waitFor()
  await visitor.go('audit?filter=type:read', 'The log was read')
  const before = await page.locator('tbody tr').count()
  await page.getByRole('button', { name: 'Show' }).first().click()
  await page.getByText('what=records').first().waitFor()
  assert.ok((await page.locator('tbody tr').count()) > before)
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

browserTest('what watching cannot say is not said to be nothing: to a viewer, and while it does not answer', async () => {
  const viewer = await enter('viewer')
  await viewer.go('overview', 'Alerts are for the role auditor.')
  await viewer.close()
  const visitor = await enter('auditor')
  const silent = { status: 503, contentType: 'application/json', body: '{"detail":"its process is being started"}' }
  await visitor.page.route(/\/v1\/(alerts|watch)/, (route) => route.fulfill(silent))
  await visitor.page.reload()
  await visitor.go('overview', 'Watching does not answer now: its process is being started')
  await visitor.go('alerts', 'Watching does not answer now: its process is being started')
  await visitor.go('integration/weather', 'Watching does not answer now: its process is being started')
  await visitor.close()
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
