/** What policy authors type, and a gateway whose log they read. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { command, type Finished } from './command.ts'
import { createInstallation, exchangeRaw, type Installation, main, manifest, proxyHeader } from './installation.ts'

/** `sallyport policy …` of an installation, in its folder. */
export function sallyport({ configFile, folder }: Installation, ...args: string[]): Promise<Finished> {
  return sallyportWith({}, { configFile, folder }, ...args)
}

/** With something on standard input. */
export function sallyportWith(
  { input }: { input?: string },
  { configFile, folder }: Pick<Installation, 'configFile' | 'folder'>,
  ...args: string[]
): Promise<Finished> {
  const given = input === undefined ? {} : { input }
  return command(process.execPath, ['--no-warnings', main, 'policy', ...args, '--config', configFile], { cwd: folder, ...given })
}

export function installationWithRules(t: TestContext, manifests: Record<string, string> = {}, config = ''): Installation {
  const installation = createInstallation(t, { config: `policy: { rules: ./rules }\n${config}`, manifests })
  mkdirSync(join(installation.folder, 'rules'))
  return installation
}

export interface Asked {
  readonly status: number
  readonly id: string
  /** The whole reply, head and body. */
  readonly text: string
}

/** GET as `weather` through the proxy, of an origin on this machine. */
export async function ask(proxyPort: number, originPort: number, path: string, method = 'GET'): Promise<Asked> {
  const text = await exchangeRaw(
    proxyPort,
    `${method} http://localhost:${originPort}${path} HTTP/1.1\r\nHost: localhost:${originPort}\r\nProxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
  )
  return { status: Number(text.slice(9, 12)), id: idOf(text), text }
}

export function idOf(reply: string): string {
  return /sallyport-request-id: (\S+)/i.exec(reply)?.[1] ?? ''
}

/** Rules' folder empty, and an integration that may ask an origin on this machine for what lies below /v1. */
export function installationToItems(t: TestContext, port: number): Installation {
  const rest = `network: [{ hosts: [localhost], ports: [${port}], tls: none, paths: [/v1/**], addresses: [127.0.0.0/8, "::1/128"] }]`
  return installationWithRules(t, { 'weather.yaml': manifest('weather', rest) })
}
