/** A gateway whose policy comes in bundles, and an origin behind it, for tests that look at what is decided. */

import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { BundleStatus } from '../../src/bundles/index.ts'
import { askGateway } from '../../src/cli/admin-client.ts'
import { grant, toLocalhost } from './grant.ts'
import { createInstallation, exchangeRaw, type Installation, proxyHeader, type Running, startHere } from './installation.ts'
import { startOrigin } from './origin.ts'

interface Status {
  readonly revision: string | null
  readonly bundles: readonly BundleStatus[]
  readonly shadow: { readonly revision: string | null } | null
}

export interface BundleGateway extends Running {
  readonly installation: Installation
  /** HTTP status of a request of the integration `weather` for a path. */
  get(path: string): Promise<number>
  bundle(name?: string): Promise<BundleStatus>
  status(): Promise<Status>
  post(path: string): Promise<{ readonly ok: boolean; readonly problem?: string }>
  ready(): Promise<boolean>
  metrics(): Promise<string>
  /** Lines of the log at the levels that somebody reads. */
  complaints(): readonly { readonly level: string; readonly problem?: string; readonly msg: string }[]
}

/** `config` is YAML below `policy:`. Started again in the folder of `installation` where that is given. */
export async function startBundleGateway(
  t: TestContext,
  config: string,
  files: Readonly<Record<string, string>> = {},
): Promise<BundleGateway> {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: `policy: ${config}`,
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port)] }) },
  })
  for (const [name, text] of Object.entries(files)) installation.write(name, text)
  return restart(t, installation, origin.port)
}

async function restart(t: TestContext, installation: Installation, originPort: number): Promise<BundleGateway> {
  const running = await startHere(t, installation)
  const ask = async (method: 'GET' | 'POST', path: string) =>
    (await askGateway(join(installation.folder, 'state/admin.sock'), method, path)).body as never
  const status = () => ask('GET', '/v1/status') as Promise<Status>
  return {
    ...running,
    installation,
    async get(path) {
      const head = `GET http://localhost:${originPort}${path} HTTP/1.1\r\nHost: localhost:${originPort}\r\n`
      const reply = await exchangeRaw(
        running.proxyPort,
        `${head}Proxy-Authorization: ${proxyHeader('weather')}\r\nConnection: close\r\n\r\n`,
      )
      return Number(reply.slice(9, 12))
    },
    async bundle(name = 'acme') {
      const found = (await status()).bundles.find((bundle) => bundle.name === name)
      if (found === undefined) throw new Error(`there is no bundle ${name}`)
      return found
    },
    status,
    post: (path) => ask('POST', path),
    metrics: async () => (await fetch(`http://127.0.0.1:${running.gateway.health.port}/metrics`)).text(),
    ready: async () => (await fetch(`http://127.0.0.1:${running.gateway.health.port}/readyz`)).status === 200,
    complaints: () => running.log.map((line) => JSON.parse(line)).filter(({ level }) => level === 'error'),
  }
}

/** The same installation after its gateway was closed. */
export async function startAgain(t: TestContext, before: BundleGateway): Promise<BundleGateway> {
  await before.gateway.close()
  const port = Number(/ports:\s+- (\d+)/.exec(before.installation.read('integrations/weather.yaml'))?.[1])
  return restart(t, before.installation, port)
}
