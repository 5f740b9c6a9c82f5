/** `sallyport env NAME`: the variables that make ordinary clients go through the gateway. */
import { existsSync, readFileSync } from 'node:fs'
import type { Config } from '../config/index.ts'
import { loadManifests } from '../manifests/index.ts'
import { CommandError, exitCodes } from './exit.ts'

export interface EnvFlags {
  readonly tokenFile?: string
  readonly format: 'shell' | 'dotenv' | 'json'
}

/** The token is nowhere in the gateway: it comes from a file or from `SALLYPORT_TOKEN`, else a placeholder is printed. */
export async function env(config: Config, name: string, { tokenFile, format }: EnvFlags): Promise<string> {
  const { integrations } = await loadManifests(config.integrationsFolder, config.defaults)
  const found = integrations.find((integration) => integration.name === name)
  if (found === undefined)
    throw new CommandError(
      `there is no integration "${name}" (known: ${integrations.map((integration) => integration.name).join(', ') || 'none'})`,
      exitCodes.usage,
    )
  const own = config.listeners.find(
    (listener) => listener.integration === name && 'port' in listener.address && listener.doors.includes('proxy'),
  )
  const shared = config.listeners.find(
    (listener) => listener.integration === null && 'port' in listener.address && listener.doors.includes('proxy'),
  )
  const listener = own ?? shared
  if (listener === undefined || !('port' in listener.address)) throw new CommandError(`no proxy listener with an address serves "${name}"`)
  const token = tokenFile === undefined ? process.env['SALLYPORT_TOKEN'] || null : readToken(tokenFile)
  const credentials = own !== undefined ? '' : `${name}:${token === null ? '<token>' : encodeURIComponent(token)}@`
  const { host, port } = listener.address
  if (port === 0)
    process.stderr.write(`listener "${listener.name}" takes a new port at each start: put the one that the gateway tells in place of 0\n`)
  const proxy = `http://${credentials}${host.includes(':') ? `[${host}]` : host}:${port}`
  if (credentials.includes('<token>'))
    process.stderr.write('set SALLYPORT_TOKEN or give --token-file: the output has <token> in its place\n')
  const { certificate: ca, bundle } = config.state.ca
  if (!existsSync(bundle)) process.stderr.write(`${bundle} is made when the gateway first starts; until then clients cannot read it\n`)
  return print(variables(proxy, ca, bundle), format)
}

function readToken(file: string): string {
  let token: string
  try {
    token = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new CommandError(`--token-file ${file}: cannot be read: ${(error as NodeJS.ErrnoException).code}`, exitCodes.usage)
  }
  if (token === '') throw new CommandError(`--token-file ${file}: is empty`, exitCodes.usage)
  return token
}

/** Variables that replace the trust store get the bundle (the system's roots and ours); NODE_EXTRA_CA_CERTS adds, and gets ours alone. */
function variables(proxy: string, ca: string, bundle: string): Readonly<Record<string, string>> {
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    all_proxy: proxy,
    NO_PROXY: '',
    no_proxy: '',
    NODE_USE_ENV_PROXY: '1',
    NODE_EXTRA_CA_CERTS: ca,
    SSL_CERT_FILE: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    CURL_CA_BUNDLE: bundle,
    GIT_SSL_CAINFO: bundle,
    DENO_CERT: ca,
  }
}

function print(values: Readonly<Record<string, string>>, format: EnvFlags['format']): string {
  if (format === 'json') return `${JSON.stringify(values, null, 2)}\n`
  const lines = Object.entries(values).map(([name, value]) =>
    format === 'dotenv' ? `${name}="${value}"` : `export ${name}='${value.replaceAll("'", "'\\''")}'`,
  )
  return `${lines.join('\n')}\n`
}
