/** The dashboard in a real Chromium: every page and act, both themes and widths, hostile names, roles. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type AdminGateway, startAdminGateway } from '../support/admin-gateway.ts'
import { eachCase } from '../support/cases.ts'
import { noBrowser, openBrowser, overflow, seriousFindings, type Visitor, visit } from '../support/dashboard.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { proxyHeader } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
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
  originPort = (await startOrigin(whole, { answer: (_req, res) => void res.end('hello') })).port
  const tokens = roles.map((role) => `{ name: the-${role}, role: ${role}, token: { file: ./${role} } }`).join(', ')
  gateway = await startAdminGateway(
    whole,
    {
      manifests: {
        'weather.yaml': grant({ network: [toLocalhost(originPort, { paths: ['/v1/**'] })] }),
        'mail.yaml': grant({ name: 'mail', network: [toLocalhost(originPort)], limits: { requests: { rate: '1/h', burst: 2 } } }),
      },
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
