/** `sallyport doctor`: what is wrong with an installation, before it is started. */
import { lookup } from 'node:dns/promises'
import { existsSync, statfsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { readKept } from '../access/index.ts'
import { AuditError, freeBytesOf, roomOf } from '../audit/index.ts'
import { persistedBundles } from '../bundles/index.ts'
import { prepareTrustFolder, readAuthority } from '../certs/index.ts'
import { type Config, requireKnown } from '../config/index.ts'
import { everything, isInForce, readEntries, strictestOf } from '../containment/index.ts'
import type { Integration } from '../core/index.ts'
import { requireLocal } from '../files/index.ts'
import { loadManifests } from '../manifests/index.ts'
import { createPolicy, namingFiles, preparePrograms, readRules } from '../policy/index.ts'
import { placeOf, verifyAudit } from '../proof/index.ts'
import { minSecretLength } from '../redact/index.ts'
import { createDescriptors } from '../shares/index.ts'
import { isLoopback } from '../text/index.ts'
import { checkReceivers } from './check-receivers.ts'
import { checkSinks } from './check-sinks.ts'
import { commandCompiler } from './compiler.ts'
import { findConfig } from './find-config.ts'
import { requireFolder, requireSockets } from './preflight.ts'

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
}

type CheckResult = string | { warn: string }

const mebi = 1024 ** 2
const minFreeBytes = 256 * mebi

/** Every check, in order; a failed one says what to do. Never throws. */
export async function doctor(configFlag: string | undefined): Promise<readonly Check[]> {
  const checks: Check[] = []
  const check = async (name: string, look: () => Promise<CheckResult> | CheckResult): Promise<void> => {
    try {
      const result = await look()
      checks.push(typeof result === 'string' ? { name, state: 'ok', detail: result } : { name, state: 'warn', detail: result.warn })
    } catch (error) {
      checks.push({ name, state: 'fail', detail: (error as Error).message })
    }
  }
  const found: { config: Config | null; integrations: readonly Integration[] } = { config: null, integrations: [] }
  await check('Node.js', () => {
    if (Number.parseInt(process.versions.node, 10) < 24) throw new Error(`${process.versions.node}: 24 or later is needed`)
    return process.versions.node
  })
  await check('configuration', () => {
    found.config = findConfig(configFlag)
    return found.config.file
  })
  const { config } = found
  if (config === null) return checks
  await check('manifests', async () => {
    found.integrations = (await loadManifests(config.integrationsFolder, config.defaults)).integrations
    if (found.integrations.length === 0) return { warn: `${config.integrationsFolder} has none: everything is denied` }
    const unreachable = found.integrations.filter(
      (integration) =>
        integration.tokenHashes.length === 0 && !config.listeners.some((listener) => listener.integration === integration.name),
    )
    if (unreachable.length > 0)
      return { warn: `no caller can be ${unreachable.map(({ name }) => name).join(', ')}: it has neither a token nor its own listener` }
    return `${found.integrations.length}: ${found.integrations.map(({ name }) => name).join(', ')}`
  })
  await check('secrets', () => {
    const short = config.secrets.filter((secret) => secret.length < minSecretLength).length
    if (short > 0)
      return { warn: `${short} of ${config.secrets.length} are shorter than ${minSecretLength} characters, and are not masked anywhere` }
    return `${config.secrets.length}, each long enough to be masked`
  })
  await check('listeners', () => {
    requireKnown(config, found.integrations)
    const open = config.listeners.filter(({ address }) => 'host' in address && !/^127\.|^::1$/.test(address.host))
    return open.length > 0
      ? { warn: `${open.map(({ name }) => name).join(', ')} can be reached from other machines, and proxy tokens travel in the clear` }
      : `${config.listeners.length}`
  })
  await check('operator’s API', () => checkOperatorApi(config))
  await check('state folder', () => checkStateFolder(config.state.folder))
  await check('access', async () => {
    const kept = await readKept(config.state.access)
    const contained = await readEntries(config.state.containment)
    if (existsSync(config.state.kill)) return { warn: `the kill switch is on: ${config.state.kill}` }
    const states = Object.entries(contained ?? {}).flatMap(([name, entry]) => {
      const state = strictestOf(entry, Date.now())?.state
      return state === undefined ? [] : [{ state, name: name === everything ? 'everything' : name }]
    })
    // An earlier version kept them in the other file; the next start takes them over.
    const before = Object.entries(kept?.suspended ?? {}).filter(([, suspension]) => isInForce(suspension, Date.now()))
    states.push(...before.map(([name]) => ({ state: 'suspended' as const, name })))
    if (states.length === 0) return 'no integration is suspended'
    const byState = Map.groupBy(states, ({ state }) => state)
    return { warn: Array.from(byState, ([state, all]) => `${state}: ${all.map(({ name }) => name).join(', ')}`).join('; ') }
  })
  await check('sockets', () => `${requireSockets(config)}`)
  await check('ports', () => ports(config))
  await check('descriptors', () => descriptors(config))
  await check('bundles', () => checkBundles(config))
  const revisionOf = async (rulesFolder: string | null): Promise<CheckResult> => {
    const { bundles, missing } = await persistedBundles(config)
    if (missing.length > 0) return { warn: 'cannot be built before its bundles are here' }
    const problems: string[] = []
    const policy = createPolicy({
      ...config.policy,
      ...commandCompiler(config, (problem) => problems.push(problem)),
      readContext: () => ({}),
      onFailure: () => {},
    })
    const prepared = await namingFiles(config.file, rulesFolder, async () =>
      preparePrograms({ integrations: found.integrations, rules: await readRules(rulesFolder), bundles }, [policy]),
    )
    const { revision } = prepared
    prepared.activate()
    problems.push(...policy.warnings())
    return problems.length > 0 ? { warn: problems.join('; ') } : `revision ${revision}`
  }
  await check('policy', () => revisionOf(config.policy.rulesFolder))
  const { shadow } = config.policy
  if (shadow !== null) await check('shadow policy', () => revisionOf(shadow.rulesFolder))
  await check('interception CA', async () => {
    const authority = await readAuthority(config.state.ca, Date.now())
    if (authority === null) return 'will be made at the first start'
    const file = config.state.ca.certificate
    const days = Math.floor((authority.certificate.validToDate.getTime() - Date.now()) / 86_400_000)
    const remedy = '"sallyport ca rotate" makes a new one'
    if (days < 0) throw new Error(`${file} has expired: ${remedy}, which clients must then trust`)
    return days < 60 ? { warn: `${file} expires in ${days} days; ${remedy}` } : `${file}, ${days} days left`
  })
  await check('trust folder', () => checkTrustFolder(config))
  await check('audit log', async () => {
    requireFolder('the audit log', config.audit.folder)
    if (!existsSync(config.audit.folder)) return 'will begin at the first start'
    requireLocal(config.audit.folder)
    const { records, findings } = await verifyAudit(config.audit.folder)
    const [found] = findings.filter(({ isClosed }) => !isClosed)
    if (records === 0 && findings.length === 0) return 'will begin at the first start'
    if (found !== undefined)
      throw new AuditError(
        `${config.audit.folder}: ${placeOf(found)} ${found.what}; keep it as evidence and move it away, or close it by "sallyport audit continue"`,
      )
    if (findings.length > 0) return { warn: `${records} records; the log holds since it was closed by "audit continue"` }
    return `${records} records, the log holds`
  })
  await check('sinks', () => checkSinks(config))
  await check('receivers of alerts', () => checkReceivers(config))
  await check('room for the audit log', () => checkRoom(config))
  await check('files', () => {
    if (!found.integrations.some(({ files }) => files.length > 0)) return 'no manifest grants any'
    if (!existsSync('/proc/self/fd')) throw new Error('file capabilities need Linux with /proc mounted')
    const missing = found.integrations.flatMap(({ files }) => files).filter(({ root }) => !existsSync(root))
    return missing.length > 0 ? { warn: `not there: ${missing.map(({ root }) => root).join(', ')}` } : 'the roots are there'
  })
  await check('name resolution', async () => {
    await lookup('localhost')
    return config.http.dnsServers.length > 0 ? `asks ${config.http.dnsServers.join(', ')}` : 'the system’s'
  })
  return checks
}

export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return `${checks.map(({ name, state, detail }) => `${state === 'fail' ? 'FAIL' : state.padEnd(4)}  ${name.padEnd(width)}  ${detail.replaceAll('\n', `\n${' '.repeat(width + 8)}`)}`).join('\n')}\n`
}

function checkStateFolder(folder: string): CheckResult {
  requireFolder('the state folder', folder)
  if (!existsSync(folder)) return `${folder} will be made at the first start`
  requireLocal(folder)
  const { mode, uid } = statSync(folder)
  const open = `${folder} is open to others (mode ${(mode & 0o777).toString(8)}): chmod 700 it`
  if ((mode & 0o022) !== 0) throw new Error(open)
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new Error(`${folder} belongs to another user (${uid}): run as that user, or give another state folder`)
  // What it holds has modes of its own: others see names, and the gateway starts.
  if ((mode & 0o055) !== 0) return { warn: open }
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  return free < minFreeBytes ? { warn: `only ${Math.floor(free / mebi)} MiB free: a full disk stops every request` } : folder
}

async function checkRoom({ audit: { folder, reserveBytes } }: Config): Promise<CheckResult> {
  const place = [folder, ...foldersAbove(folder)].find((path) => existsSync(path)) ?? '/'
  const freeBytes = await freeBytesOf(place)
  const told = `${Math.floor(freeBytes / mebi)} MiB are free, and audit.reserve is ${Math.floor(reserveBytes / mebi)} MiB`
  const room = roomOf(freeBytes, reserveBytes)
  if (room === 'full') throw new Error(`${told}: every request is refused until space is freed, or audit.keep or audit.reserve lowered`)
  return room === 'low' ? { warn: `${told}: below it every request is refused` } : told
}

async function checkTrustFolder({ trust: { folder }, state }: Config): Promise<CheckResult> {
  if (folder === state.ca.folder)
    return `${folder}, which other users cannot enter: clients that run as such need "trust" in sallyport.yaml, or "sallyport ca trust --to FOLDER"`
  requireFolder('trust', folder)
  if (!existsSync(folder)) return `${folder} will be made at the first start`
  await prepareTrustFolder(folder)
  const closed = foldersAbove(folder).find((above) => (statSync(above).mode & 0o001) === 0)
  return closed === undefined ? folder : { warn: `other users cannot enter ${closed}, and so not ${folder}` }
}

/** Those of this command, which the gateway has too where it is started in the same way. */
function descriptors({ listeners, http }: Config): CheckResult {
  const { forCallers } = createDescriptors()
  const wanted = listeners.length * http.maxConnections
  if (forCallers === null) return 'the system does not say how many there are'
  if (forCallers < wanted)
    return {
      warn: `enough for ${forCallers} connections of callers, and http.maxConnections allows ${wanted}: raise the limit of open files (ulimit -n, LimitNOFILE=), or lower it`,
    }
  return `enough for the ${wanted} connections of callers, and as many to origins`
}

function foldersAbove(folder: string): readonly string[] {
  const above = dirname(folder)
  return above === folder ? [] : [above, ...foldersAbove(above)]
}

async function ports({ listeners, admin }: Config): Promise<string> {
  const wanted = [
    ...listeners.map(({ name, address }) => ({ name, address })),
    { name: 'health', address: admin.health },
    ...(admin.tcp === null ? [] : [{ name: 'admin', address: admin.tcp }]),
  ]
  for (const { name, address } of wanted) {
    if (!('port' in address)) continue
    await new Promise<void>((resolve, reject) => {
      const probe = createServer()
      probe.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new Error(
            `${name} on ${address.host}:${address.port}: ${error.code === 'EADDRINUSE' ? 'taken (does the gateway run already?)' : error.message}`,
          ),
        ),
      )
      probe.listen(address.port, address.host, () => probe.close(() => resolve()))
    })
  }
  return 'free'
}

function checkOperatorApi({ admin: { tcp, socketPath } }: Config): CheckResult {
  if (tcp === null) return socketPath
  const place = `${tcp.host.includes(':') ? `[${tcp.host}]` : tcp.host}:${tcp.port}`
  const open = `${place} can be reached from other machines, and tokens of operators travel in the clear: add admin.tcp.tls`
  return tcp.tls === null && !/^127\.|^::1$/.test(tcp.host) ? { warn: open } : `${socketPath}, ${place}`
}

/** Throws where a bundle of this machine is bad. */
export async function checkBundles(config: Config): Promise<string | { warn: string }> {
  const { bundles, servers } = config.policy
  if (bundles.length === 0) return 'none are configured'
  const open = servers.filter(({ url }) => url.protocol === 'http:' && !isLoopback(url.hostname))
  const warnings = [
    ...open
      .filter(({ bearer, headers }) => bearer !== null || headers.length > 0)
      .map(({ name }) => `${name}: its token travels in the clear`),
    ...bundles
      .filter(({ place, signing }) => signing === null && place.kind === 'server' && open.some(({ name }) => name === place.server))
      .map(({ name }) => `${name}: neither signed nor over TLS, so an attacker on the network can change the policy`),
  ]
  const { missing } = await persistedBundles(config)
  if (missing.length > 0) warnings.push(`not here yet, so that everything is denied until a server sends them: ${missing.join(', ')}`)
  return warnings.length > 0 ? { warn: warnings.join('\n') } : bundles.map(({ name }) => name).join(', ')
}
