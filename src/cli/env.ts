/** `sallyport env NAME`: the variables that make ordinary clients go through the gateway. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { stringify } from 'yaml'
import type { Config, TrustFolder } from '../config/index.ts'
import { loadManifests } from '../manifests/index.ts'
import type { EnvFlags } from './env-formats.ts'
import { CommandError, exitCodes } from './exit.ts'

export async function env(config: Config, name: string, { tokenFile, format }: EnvFlags): Promise<string> {
  const { proxyWith, warnings } = await proxyOf(config, name)
  const token = format === 'kubernetes' ? `$(${tokenVariable})` : tokenFrom(tokenFile)
  const isOpen = proxyWith('').includes('@') && token === null
  const notes = [
    ...warnings,
    ...(isOpen ? ['set SALLYPORT_TOKEN or give --token-file: the output has <token> in its place'] : []),
    ...(proxyWith('').includes('@')
      ? [`Java and Chromium send a proxy no token by themselves: give "${name}" a listener of its own for them`]
      : []),
    ...(isPublished(config)
      ? []
      : [
          `only the user of the gateway can read ${config.trust.folder}, and Node.js before 22.21 and 24.5 gets no proxy: set "trust" in sallyport.yaml`,
        ]),
    'Chromium takes the CA from its own store: "sallyport ca trust" says how it gets there, and what other clients need',
  ]
  for (const note of notes) process.stderr.write(`${note}\n`)
  // What is printed for a container is used on another machine.
  const loadsProxy = isPublished(config) && (format === 'kubernetes' || problemOfReading(config.trust.nodeProxy) === null)
  return print(variables(proxyWith(token ?? '<token>'), config.trust, loadsProxy), format, name)
}

/** The variables for a command that is run with them. Throws `CommandError` where the token is needed and not given. */
export async function variablesFor(config: Config, name: string, tokenFile: string | undefined): Promise<Readonly<Record<string, string>>> {
  const { proxyWith, warnings } = await proxyOf(config, name)
  const token = tokenFrom(tokenFile)
  if (token === null && proxyWith('').includes('@'))
    throw new CommandError(`"${name}" proves its identity by its token: set ${tokenVariable}, or give --token-file`, exitCodes.usage)
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  return variables(proxyWith(token ?? ''), config.trust, problemOfReading(config.trust.nodeProxy) === null)
}

/** Else clients find the CA in the state folder, which other users cannot enter. */
function isPublished({ state, trust }: Config): boolean {
  return trust.folder !== state.ca.folder
}

function problemOfReading(file: string): string | null {
  try {
    accessSync(file, constants.R_OK)
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? `${file} is made when the gateway first starts; until then clients cannot read it`
      : `${file} cannot be read by you: set "trust" in sallyport.yaml to a folder that clients can read`
  }
}

const tokenVariable = 'SALLYPORT_TOKEN'

interface ProxyAddress {
  /** Its URL; with the integration's name and this token, unless the integration has its own listener. */
  proxyWith(token: string): string
  /** What an operator should know of it. */
  readonly warnings: readonly string[]
}

async function proxyOf(config: Config, name: string): Promise<ProxyAddress> {
  const { integrations } = await loadManifests(config.integrationsFolder, config.defaults)
  if (!integrations.some((integration) => integration.name === name))
    throw new CommandError(
      `there is no integration "${name}" (known: ${integrations.map((integration) => integration.name).join(', ') || 'none'})`,
      exitCodes.usage,
    )
  const serving = (owner: string | null) =>
    config.listeners.find(({ integration, address, doors }) => integration === owner && 'port' in address && doors.includes('proxy'))
  const own = serving(name)
  const listener = own ?? serving(null)
  if (listener === undefined || !('port' in listener.address)) throw new CommandError(`no proxy listener with an address serves "${name}"`)
  const { host, port } = listener.address
  const unreadable = problemOfReading(config.trust.bundle)
  return {
    proxyWith(token) {
      // A reference to a variable, and the placeholder, stay as they are.
      const written = /^(?:\$\(\w+\)|<token>)$/.test(token) ? token : encoded(token)
      return `http://${own === undefined ? `${name}:${written}@` : ''}${host.includes(':') ? `[${host}]` : host}:${port}`
    },
    warnings: [
      ...(port === 0
        ? [`listener "${listener.name}" takes a new port at each start: put the one that the gateway tells in place of 0`]
        : []),
      ...(unreadable === null ? [] : [unreadable]),
    ],
  }
}

/** The token is nowhere in the gateway: it comes from a file or from the environment. `null`: from neither. */
function tokenFrom(file: string | undefined): string | null {
  return file === undefined ? process.env[tokenVariable] || null : readToken(file)
}

function readToken(file: string): string {
  let token: string
  try {
    token = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new CommandError(`--token-file ${file}: cannot be read: ${(error as NodeJS.ErrnoException).code}`, exitCodes.usage)
  }
  if (token === '') throw new CommandError(`--token-file ${file}: is empty`, exitCodes.usage)
  if (/[\r\n]/.test(token))
    throw new CommandError(`--token-file ${file}: holds more than one line; expected the token alone`, exitCodes.usage)
  return token
}

/** Without what a shell, a dotenv file or Docker would take for something else, too. */
function encoded(token: string): string {
  return encodeURIComponent(token).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

/**
 * Variables that replace the trust store get the bundle (the system's roots and ours); those that add to it get ours alone.
 * `loadsProxy`: a Node that cannot read what it should load does not start.
 */
function variables(
  proxy: string,
  { certificate, bundle, truststore, aptConfig, nodeProxy }: TrustFolder,
  loadsProxy: boolean,
): Readonly<Record<string, string>> {
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    all_proxy: proxy,
    NO_PROXY: '',
    no_proxy: '',
    // gRPC's libraries in C; grpc-js reads http_proxy.
    grpc_proxy: proxy,
    no_grpc_proxy: '',
    NODE_USE_ENV_PROXY: '1',
    NODE_EXTRA_CA_CERTS: certificate,
    // Before 22.21 and 24.5 it does not know NODE_USE_ENV_PROXY.
    ...(loadsProxy && { NODE_OPTIONS: `--require=${/[\s"\\]/.test(nodeProxy) ? JSON.stringify(nodeProxy) : nodeProxy}` }),
    // OpenSSL, Go, Rust's native-certs, uv, Ruby.
    SSL_CERT_FILE: bundle,
    REQUESTS_CA_BUNDLE: bundle,
    PIP_CERT: bundle,
    CURL_CA_BUNDLE: bundle,
    GIT_SSL_CAINFO: bundle,
    CARGO_HTTP_CAINFO: bundle,
    AWS_CA_BUNDLE: bundle,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: bundle,
    // npm and pnpm; Yarn has its own names.
    npm_config_cafile: bundle,
    YARN_HTTP_PROXY: proxy,
    YARN_HTTPS_PROXY: proxy,
    YARN_HTTPS_CA_FILE_PATH: bundle,
    DENO_CERT: certificate,
    JAVA_TOOL_OPTIONS: javaOptions(proxy, truststore),
    APT_CONFIG: aptConfig,
  }
}

/**
 * The JVM reads no other variable. Without the token: it prints these options at each start, and its own clients take none from
 * them. Basic, which it does not use for tunnels by default, is for those whose program has an Authenticator.
 */
function javaOptions(proxy: string, truststore: string): string {
  const { hostname, port, username } = new URL(proxy)
  const options = [
    ...['http', 'https'].flatMap((scheme) => [
      `${scheme}.proxyHost=${hostname.replace(/^\[|\]$/g, '')}`,
      `${scheme}.proxyPort=${port || '80'}`,
    ]),
    // Where it is absent, this machine is asked directly.
    'http.nonProxyHosts=',
    ...(username === '' ? [] : ['jdk.http.auth.tunneling.disabledSchemes=']),
    `javax.net.ssl.trustStore=${truststore}`,
    'javax.net.ssl.trustStoreType=PKCS12',
  ]
  return options.map((option) => (/\s/.test(option) ? `"-D${option}"` : `-D${option}`)).join(' ')
}

function print(values: Readonly<Record<string, string>>, format: EnvFlags['format'], name: string): string {
  if (format === 'json') return `${JSON.stringify(values, null, 2)}\n`
  if (format === 'kubernetes') return kubernetes(values, name)
  const lines = Object.entries(values).map(([key, value]) =>
    // Docker's --env-file takes a quotation mark for a part of the value; a blank needs none in any dialect.
    format === 'dotenv'
      ? `${key}=${/^[^"'`#$\\]*$/.test(value) ? value : `"${value}"`}`
      : `export ${key}='${value.replaceAll("'", "'\\''")}'`,
  )
  return `${lines.join('\n')}\n`
}

/** The `env` of a container. The token is a key of a Secret, which the other variables refer to, so it comes first. */
function kubernetes(values: Readonly<Record<string, string>>, name: string): string {
  const refers = Object.values(values).some((value) => value.includes(`$(${tokenVariable})`))
  const token = { name: tokenVariable, valueFrom: { secretKeyRef: { name: `sallyport-${name}`, key: 'token' } } }
  return stringify({ env: [...(refers ? [token] : []), ...Object.entries(values).map(([key, value]) => ({ name: key, value }))] })
}
