/** The dashboard in a real Chromium: pages that are opened, what they show, and what the browser had to complain about. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { firstProgram } from './tools.ts'

const found = await firstProgram('chromium-headless-shell', 'chromium')
/** Why there is no browser here; `null`: there is one. */
export const noBrowser = found.missing

/** As root, which tests in containers are, Chromium has no sandbox. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: found.program, args: ['--no-sandbox', '--disable-gpu'] })
}

export interface Visitor {
  readonly page: Page
  /** What was broken: violations of the Content-Security-Policy, errors of scripts, dialogs that a script opened. */
  readonly faults: readonly string[]
  /** Shows a page (`live?filter=a`), and resolves once what it says is there. */
  go(place: string, text?: string): Promise<void>
  close(): Promise<void>
}

export interface VisitorOptions {
  readonly width?: number
  readonly theme?: 'light' | 'dark'
}

/** Opens an address in a profile of its own; `token` signs in where the page asks for one. */
export async function visit(browser: Browser, url: string, { width = 1440, theme = 'light' }: VisitorOptions = {}): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, reducedMotion: 'reduce' })
  const page = await context.newPage()
  const faults: string[] = []
  await watchFaults(context, faults)
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await page.goto(url)
  return {
    page,
    faults,
    async go(place, wanted = '') {
      await page.evaluate(`location.hash = ${JSON.stringify(`#/${place}`)}`)
      await page.locator('main', { hasText: wanted }).waitFor()
      await page.locator('h1').waitFor()
    },
    close: () => context.close(),
  }
}

/** Opens the dashboard of the operator's port with a token. */
export async function signIn(browser: Browser, adminPort: number, token: string, options: VisitorOptions = {}): Promise<Visitor> {
  const visitor = await visit(browser, `http://127.0.0.1:${adminPort}/dashboard/`, options)
  await visitor.page.getByLabel('Token').fill(token)
  await visitor.page.getByRole('button', { name: 'Sign in' }).click()
  await visitor.page.getByRole('heading', { name: 'Overview' }).waitFor()
  return visitor
}

/** Presses it, gives the values and the reason, and confirms; resolves once it is done. */
export async function act({ page }: Visitor, button: string, reason: string, values: Readonly<Record<string, string>> = {}): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).first().click()
  const dialog = page.getByRole('dialog')
  for (const [label, value] of Object.entries(values)) {
    const field = dialog.getByLabel(label)
    if ((await field.and(dialog.locator('select')).count()) > 0) await field.selectOption(value)
    else await field.fill(value)
  }
  await dialog.getByLabel(/^Reason/).fill(reason)
  await dialog.locator('button[type=submit]').click()
  const refused = dialog.getByRole('alert')
  await Promise.race([dialog.waitFor({ state: 'detached' }), refused.waitFor()])
  if ((await dialog.count()) > 0) throw new Error((await refused.allInnerTexts()).join())
}

async function watchFaults(context: BrowserContext, faults: string[]): Promise<void> {
  await context.exposeBinding('reportFault', (_source, fault: string) => void faults.push(fault))
  await context.addInitScript({
    content:
      'addEventListener("securitypolicyviolation", (event) => reportFault(["csp:", event.violatedDirective, event.blockedURI, event.sample].join(" ")))',
  })
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What the accessibility checker finds serious or critical: rule, and where. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  // By the debugger, which no policy of the page stands against.
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run({ resultTypes: ["violations"] })')
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary = '' }) => `${id}: ${target.join(' ')} ${failureSummary.replace(/\s+/g, ' ')}`),
    )
}

/** By how many pixels the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}
