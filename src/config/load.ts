/** Reads sallyport.yaml whole, before any port is bound. */
import { resolve } from 'node:path'
import { adminFrom } from './admin-schema.ts'
import { auditFrom } from './audit-schema.ts'
import type { Config, ListenerConfig, ServiceConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { decodeYaml } from './decode-yaml.ts'
import { gatewayBreaker, gatewayLimits } from './limits-schema.ts'
import { modeOf } from './listener-schema.ts'
import { bundleFrom, serverFrom } from './policy-schema.ts'
import { readText } from './read-text.ts'
import { decisionLogFrom, statusFrom } from './report-schema.ts'
import { type ConfigFile, createConfigSchema } from './schema.ts'
import { createSources, type Environment } from './sources.ts'
import { stateFolder, trustFolder } from './state-folder.ts'
import { telemetryFrom } from './telemetry-schema.ts'
import { timeoutsFrom } from './timeouts-schema.ts'
import { watchFrom } from './watch-schema.ts'

/** Throws `ConfigError` with every problem: unreadable, not YAML, not of the schema, a missing variable or secret, names that stand twice. */
export function loadConfig(path: string, env: Environment = process.env): Config {
  const file = resolve(path)
  const content = readText(file)
  if ('problem' in content)
    throw new ConfigError([{ file, line: 0, column: 0, path: '', message: `${content.problem}; give another with --config` }])
  const sources = createSources(file, env)
  const given = decodeYaml({ file, text: content.text }, createConfigSchema(sources))
  return assemble(file, given, sources.secrets)
}

function assemble(file: string, given: ConfigFile, secrets: readonly string[]): Config {
  const { admin, audit, http, policy } = given
  const state = stateFolder(given.state)
  return {
    file,
    state,
    trust: given.trust === undefined ? state.ca : trustFolder(given.trust),
    integrationsFolder: given.integrations,
    listeners: given.listeners.map(listenerFrom),
    services: given.services.map(serviceFrom),
    policy: {
      rulesFolder: policy.rules ?? null,
      maxMemoryPages: policy.maxMemoryPages,
      maxEvaluationMs: policy.maxEvaluation,
      grants: {
        builtins: policy.grants.builtins,
        integration: policy.grants.integration ?? null,
        timeoutMs: policy.grants.timeout,
        maxCalls: policy.grants.maxCalls,
        maxReplyBytes: policy.grants.maxReply,
      },
      shadow:
        policy.shadow === undefined
          ? null
          : {
              rulesFolder: policy.shadow.rules,
              enforcePercent: policy.shadow.enforce,
              maxEvaluationMs: policy.shadow.maxEvaluation,
            },
      reference: policy.reference === 'off' ? null : policy.reference,
      servers: policy.servers.map(serverFrom),
      bundles: policy.bundles.map(bundleFrom),
      labels: policy.labels,
      decisionLog: decisionLogFrom(policy.decisionLog),
      status: statusFrom(policy.status),
    },
    admin: adminFrom(admin, state),
    audit: auditFrom(audit, state),
    telemetry: telemetryFrom(given.telemetry),
    defaults: { limits: gatewayLimits(given.limits), breaker: gatewayBreaker(given.breaker) },
    http: {
      maxHeaderBytes: http.maxHeader,
      http2: http.http2,
      maxStreams: http.maxStreams,
      headersTimeoutMs: http.headersTimeout,
      keepAliveMs: http.keepAlive,
      maxConnections: http.maxConnections,
      maxUnidentifiedConnections: http.maxUnidentifiedConnections,
      connectTimeoutMs: http.connectTimeout,
      originTimeoutMs: http.originTimeout,
      idleTimeoutMs: http.idleTimeout,
      linger: { timeoutMs: http.lingerTimeout, maxBytes: http.maxLinger },
      maxRequestBytes: http.maxRequest,
      maxReplyBytes: http.maxReply,
      maxPolicyBodyBytes: http.maxPolicyBody,
      maxPolicyBodiesBytes: http.maxPolicyBodies,
      originCaFile: http.originCa ?? null,
      dnsServers: http.dnsServers,
      dns: {
        minTtlMs: http.dns.minTtl,
        maxTtlMs: http.dns.maxTtl,
        negativeTtlMs: http.dns.negativeTtl,
        staleMs: http.dns.stale,
        maxNames: http.dns.maxNames,
      },
    },
    websockets: {
      idleTimeoutMs: given.websockets.idleTimeout,
      maxMessageBytes: given.websockets.maxMessage,
      messagesPerSecond: given.websockets.messagesPerSecond,
    },
    containment: given.containment,
    watch: watchFrom(given.watch),
    drainTimeoutMs: given.drainTimeout,
    log: given.log,
    secrets,
  }
}

function listenerFrom({
  name,
  address,
  socket,
  mode = '0660',
  group,
  integration,
  doors,
}: ConfigFile['listeners'][number]): ListenerConfig {
  // The schema takes no listener without either.
  return {
    name,
    address: address ?? { socket: socket ?? '', mode: modeOf(mode), gid: group ?? null },
    integration: integration ?? null,
    doors,
  }
}

function serviceFrom({ name, url, headers, timeout, timeouts, addresses }: ConfigFile['services'][number]): ServiceConfig {
  return {
    name,
    url: new URL(url),
    headers: Object.entries(headers).map(([header, value]) => ({ name: header, value })),
    timeoutMs: timeout,
    timeouts: timeouts === undefined ? {} : timeoutsFrom(timeouts),
    addresses,
  }
}
