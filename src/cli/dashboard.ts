/** `sallyport dashboard`: the pages in a browser, over the operator's socket. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Config } from '../config/index.ts'
import { createLoopbackDashboard } from '../dashboard/index.ts'
import { askGateway, operator } from './admin-client.ts'
import { CommandError, exitCodes } from './exit.ts'

export interface DashboardFlags {
  readonly port: number
  readonly open: boolean
}

/** Until it is ended. Throws `CommandError`: 69 where no gateway answers, or the port cannot be had. */
export async function dashboard({ admin }: Config, { port, open }: DashboardFlags, print: (text: string) => void): Promise<void> {
  await askGateway(admin.socketPath, 'GET', '/v1/status')
  const served = await createLoopbackDashboard({ socketPath: admin.socketPath, operator: operator() }, port).catch((error: Error) => {
    throw new CommandError(`the dashboard cannot listen: ${error.message}`, exitCodes.unavailable)
  })
  print(`${served.url}\n`)
  if (open) openBrowser(served.url)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await served.close()
}

/** Where there is a desktop; the address was printed for every other case. */
function openBrowser(url: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env
  const program = process.platform === 'darwin' ? 'open' : (DISPLAY ?? WAYLAND_DISPLAY) === undefined ? null : 'xdg-open'
  if (program === null) return
  const child = spawn(program, [url], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
