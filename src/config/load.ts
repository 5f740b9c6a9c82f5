/** Reads sallyport.yaml whole, before any port is bound. */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Config, ListenerConfig, ServiceConfig } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { decodeYaml } from './decode-yaml.ts'
import { breakerFrom, builtInBreaker, builtInLimits, limitsFrom } from './limits-schema.ts'
import { type ConfigFile, configSchema } from './schema.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const everyDoor = ['proxy', 'services', 'broker'] as const

/** Throws `ConfigError` with every problem: unreadable, not YAML, not of the schema, a missing variable or secret, names that stand twice. */
export function loadConfig(path: string, env: Environment = process.env): Config {
  const file = resolve(path)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError([
      {
        file,
        line: 0,
        column: 0,
        path: '',
        message: `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}; give another with --config`,
      },
    ])
  }
  const given = decodeYaml({ file, text }, configSchema)
  const reader = createReader(file, env)
  const config = assemble(file, given, reader)
  const problems = [...reader.problems, ...duplicates(file, config)]
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

type SecretSource = { env: string } | { file: string }

interface Reader {
  readonly problems: ConfigProblem[]
  readonly secrets: string[]
  path(given: string, at: string): string
  secret(source: SecretSource, at: string): string
}

function createReader(file: string, env: Environment): Reader {
  const problems: ConfigProblem[] = []
  const secrets: string[] = []
  const report = (path: string, message: string) => void problems.push({ file, line: 0, column: 0, path, message })
  function expand(given: string, at: string): string {
    return given.replace(/\$\{([A-Za-z_]\w*)\}/g, (_whole, variable: string) => {
      const value = env[variable]
      if (value === undefined || value === '') report(at, `the environment has no ${variable}`)
      return value ?? ''
    })
  }
  const path = (given: string, at: string) => resolve(dirname(file), expand(given, at))
  return {
    problems,
    secrets,
    path,
    secret(source, at) {
      let value = ''
      if ('env' in source) {
        value = env[source.env] ?? ''
        if (value === '') report(at, `the environment has no ${source.env}, which should hold this secret`)
      } else {
        try {
          value = readFileSync(path(source.file, at), 'utf8').replace(/\r?\n$/, '')
        } catch (error) {
          report(at, `the secret's file cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
        }
        if (value === '' && problems.length === 0) report(at, 'the secret’s file is empty')
      }
      if (value !== '') secrets.push(value)
      return value
    },
  }
}

function assemble(file: string, given: ConfigFile, reader: Reader): Config {
  const stateFolder = reader.path(given.state ?? './state', 'state')
  const { admin, audit, http, policy } = given
  return {
    file,
    stateFolder,
    integrationsFolder: reader.path(given.integrations ?? './integrations', 'integrations'),
    listeners: (given.listeners ?? [{ name: 'proxy', address: { host: '127.0.0.1', port: 3128 } }]).map((one, index) =>
      listenerFrom(one, `listeners.${index}`, reader),
    ),
    services: (given.services ?? []).map((one, index) => serviceFrom(one, `services.${index}`, reader)),
    policy: {
      rulesFolder: policy?.rules === undefined ? null : reader.path(policy.rules, 'policy.rules'),
      maxMemoryPages: policy?.maxMemoryPages ?? 200,
    },
    admin: {
      health: admin?.health ?? { host: '127.0.0.1', port: 8282 },
      socketPath: admin?.socket === undefined ? join(stateFolder, 'admin.sock') : reader.path(admin.socket, 'admin.socket'),
      tcp: admin?.tcp === undefined ? null : { ...admin.tcp.address, token: reader.secret(admin.tcp.token, 'admin.tcp.token') },
    },
    audit: {
      folder: audit?.folder === undefined ? join(stateFolder, 'audit') : reader.path(audit.folder, 'audit.folder'),
      maxSegmentBytes: Math.max(1024, audit?.maxSegment ?? 64 * 1024 * 1024),
      durability: audit?.durability ?? 'reply',
    },
    defaults: { limits: limitsFrom(given.limits, builtInLimits), breaker: breakerFrom(given.breaker, builtInBreaker) },
    http: {
      maxHeaderBytes: http?.maxHeader ?? 16 * 1024,
      headersTimeoutMs: http?.headersTimeout ?? 15_000,
      keepAliveMs: http?.keepAlive ?? 60_000,
      maxConnections: http?.maxConnections ?? 10_000,
      connectTimeoutMs: http?.connectTimeout ?? 5000,
      originTimeoutMs: http?.originTimeout ?? 30_000,
      idleTimeoutMs: http?.idleTimeout ?? 120_000,
      maxRequestBytes: http?.maxRequest ?? 1024 ** 3,
      maxReplyBytes: http?.maxReply ?? 10 * 1024 ** 3,
      maxPolicyBodyBytes: http?.maxPolicyBody ?? 1024 ** 2,
      originCaFile: http?.originCa === undefined ? null : reader.path(http.originCa, 'http.originCa'),
      dnsServers: http?.dnsServers ?? [],
    },
    drainTimeoutMs: given.drainTimeout ?? 10_000,
    log: { level: given.log?.level ?? 'info' },
    secrets: reader.secrets,
  }
}

function listenerFrom(given: NonNullable<ConfigFile['listeners']>[number], at: string, reader: Reader): ListenerConfig {
  const { name, address, socket, integration = null, doors = everyDoor } = given
  if ((address === undefined) === (socket === undefined))
    reader.problems.push({ file: '', line: 0, column: 0, path: at, message: 'expected either an address or a socket' })
  return { name, address: address ?? { socket: reader.path(socket ?? '', `${at}.socket`) }, integration, doors }
}

function serviceFrom(given: NonNullable<ConfigFile['services']>[number], at: string, reader: Reader): ServiceConfig {
  const headers = Object.entries(given.headers ?? {}).map(([name, source]) => ({
    name,
    value: reader.secret(source, `${at}.headers.${name}`),
  }))
  return { name: given.name, url: new URL(given.url), headers, timeoutMs: given.timeout ?? 30_000, addresses: given.addresses ?? [] }
}

function duplicates(file: string, { listeners, services }: Config): ConfigProblem[] {
  const twice = (what: string, names: readonly string[]) =>
    names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => ({ file, line: 0, column: 0, path: what, message: `"${name}" stands twice` }))
  const addresses = listeners
    .map(({ address }) => ('socket' in address ? address.socket : `${address.host}:${address.port}`))
    .filter((address) => !address.endsWith(':0'))
  return [
    ...twice(
      'listeners',
      listeners.map(({ name }) => name),
    ),
    ...twice('listeners', addresses),
    ...twice(
      'services',
      services.map(({ name }) => name),
    ),
  ]
}
