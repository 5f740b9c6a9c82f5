/** The composition root: builds each station from the configuration and joins them; with `govern` and `reach` the only file that knows them all. */
import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppendFile } from '../audit/index.ts'
import { createServer } from '../bundles/index.ts'
import { createLeaves, openAuthority } from '../certs/index.ts'
import type { Config } from '../config/index.ts'
import { createLive } from '../connections/index.ts'
import { createOperatorLookup } from '../egress/index.ts'
import { createContainment, createIds, createInterceptDoor, createPolicyDoor, identified, type Listener } from '../ingress/index.ts'
import { createLimits, createReadContext } from '../limits/index.ts'
import { createDirectory, suggestion } from '../manifests/index.ts'
import { createCompile, createLibrarySource, gatewayFolders, libraryIn } from '../opa/index.ts'
import { createPipeline } from '../pipeline.ts'
import { createRedactor } from '../redact/index.ts'
import type { ReloadResult } from '../rollout/index.ts'
import { createDescriptors } from '../shares/index.ts'
import { createLogger, createMetrics, createRelief, createSlices } from '../telemetry/index.ts'
import { createUsage, createUsageKeeper, usageSeries } from '../usage/index.ts'
import { version } from '../version.ts'
import { createCallers } from './callers.ts'
import { createFollowing } from './following.ts'
import { createListeners } from './listeners.ts'
import { createOperator } from './operator.ts'
import { createGovernment } from './policy-lifecycle.ts'
import { openRecording } from './recording.ts'
import { createReporting } from './reporting.ts'
import { createReach } from './resources.ts'
import { createWitness } from './witness.ts'

export interface Gateway {
  readonly listeners: readonly { readonly name: string; readonly address: Listener['address'] }[]
  readonly health: { readonly host: string; readonly port: number }
  reload(): Promise<ReloadResult>
  /** For what nothing caught: cuts the caller's connection on whose behalf it was thrown; `false` where there is none. */
  contain(error: unknown): boolean
  /** Refuses new work, lets live work end within the drain timeout, flushes the log. */
  close(): Promise<void>
}

export interface GatewayOptions {
  /** Where log lines go; standard error where absent. */
  readonly logTo?: { write(line: string): void }
  /** Called once all is built and the operator’s side listens, and no listener is bound yet. */
  readonly beforeListening?: () => void
  /** How the audit log is written; a test lets it fail. */
  readonly auditFile?: AppendFile
  /** How a policy's WebAssembly is made fit to run; a test damages it. */
  readonly harden?: (wasm: Uint8Array) => Uint8Array
}

/** Nothing is bound before the configuration, the manifests, the policy and the log are good. Throws what makes one of them bad. */
export async function startGateway(config: Config, { logTo, beforeListening, auditFile, harden }: GatewayOptions = {}): Promise<Gateway> {
  const redactor = createRedactor(config.secrets)
  const logger = createLogger({ level: config.log.level, mask: (line) => redactor.text(line), ...(logTo && { destination: logTo }) })
  const metrics = createMetrics()
  const now = () => performance.now()
  await mkdir(config.state.folder, { recursive: true, mode: 0o700 })

  const audit = openRecording({ config, mask: redactor, logger, metrics, file: auditFile })
  const manifests = createDirectory(config.integrationsFolder, config.defaults)
  // Made beside all that follows where it is not there yet.
  const authority = openAuthority(config.state.ca)
  authority.catch(() => {})

  const limits = createLimits({
    now,
    maxPolicyBodyBytes: config.http.maxPolicyBodyBytes,
    maxPolicyBodiesBytes: config.http.maxPolicyBodiesBytes,
    peerArrivals: config.defaults.limits.arrivals,
    onBreakerChange(integration, { origin, state }) {
      audit.note('breaker', { integration, origin, state })
      logger.warn({ integration, origin, state }, 'a breaker changed')
    },
  })
  const usage = createUsage({ buckets: limits.report, breakers: limits.breakers })
  const slices = createSlices()
  const usageKeeper = createUsageKeeper({
    usage,
    folder: config.state.usage,
    onProblem: (problem) => logger.warn({ problem }, 'usage is not kept whole'),
  })
  metrics.perIntegration(() => usageSeries({ usage, limits, names: manifests.names }))
  const live = createLive({
    policy: () => government.policy,
    claim: (request, needs) => reach.find(request.kind).claim(request, needs),
    revision: () => government.revision(),
    isCurrent: (revision) => [government.revision(), government.candidate()?.revision].includes(revision),
    onCut({ id, integration }, { rule, revision }) {
      audit.note('revoked', { id, integration: integration.name, rule, revision })
      logger.warn({ id, integration: integration.name, rule }, 'an open connection is no longer allowed and is cut')
    },
  })
  const { access, callers } = createCallers({
    ...{ config, manifests, logger, metrics },
    note: audit.note,
    noted: audit.noted,
    judgeAgain: live.judgeAgain,
    cut: (integration) => doors.cut(integration),
  })
  const nextId = createIds()
  const { integration: grantee, maxReplyBytes } = config.policy.grants
  // What rules ask takes the path that they judge, so the one is known to the other only once both are there.
  const outside = createPolicyDoor({
    handle: (arrival) => handle(arrival),
    nextId,
    maxReplyBytes,
    identify() {
      const integration = grantee === null ? undefined : callers.get(grantee)
      return integration === undefined ? null : identified(callers, integration, 'policy')
    },
  })
  const lookup = createOperatorLookup()
  const servers = new Map(config.policy.servers.map((one) => [one.name, createServer(one, lookup)]))
  const folders = gatewayFolders(config.state.compiler)
  const compile = createCompile(folders)
  const library = createLibrarySource(libraryIn(folders), (problem) => logger.warn({ problem }, 'some calls of the rules may fail'))
  const readContext = createReadContext(limits)
  const reporting = createReporting({
    ...{ config, version, servers, compile, library, readContext, logger, metrics },
    redact: redactor,
    needs: () => government.policy.needs,
    bundles: () => government.bundles(),
  })
  const { folder: auditFolder } = config.audit
  const witness =
    config.policy.reference === null
      ? null
      : createWitness({ ...config.policy.reference, auditFolder, redact: redactor, note: audit.note, logger, metrics })
  const government = createGovernment({
    ...{ config, servers, manifests, compile, library, witness, harden, reporting, readContext, outside },
    note: audit.note,
    logger,
    metrics,
    onActivated(integrations) {
      limits.update(integrations)
      usage.update(integrations.map(({ name }) => name))
      redactor.setNames(integrations.map(({ redaction }) => redaction))
      live.judgeAgain()
    },
    onCandidate: () => live.judgeAgain(),
  })
  const { policy, activation } = government
  const following = createFollowing({ config, access, activation, logger })
  const descriptors = createDescriptors()

  const reach = createReach({
    ...{ config, descriptors },
    report: limits.report,
    // Doors and what they lead to refer to each other through the path.
    intercept: (socket, head, tunnel) => inner.intercept(socket, head, tunnel),
  })
  const state = { draining: false, ready: false, closing: null as Promise<void> | null }
  const bugs = metrics.counter('sallyport_internal_errors_total', 'Errors that are bugs of the gateway; each was answered with 500.')
  const handle = createPipeline({
    policy,
    limits,
    redactor,
    usage,
    live,
    now,
    isDraining: () => state.draining,
    onBytes: createRelief(),
    auditLog: audit,
    findResource: reach.find,
    decisionLog: reporting.decisionLog,
    suggest: suggestion,
    onBug(error, arrivalId) {
      bugs.inc()
      logger.error({ err: error, arrival: arrivalId }, 'an unexpected error')
    },
    onRefusal: ({ problem, forOperator }, arrivalId, integration) =>
      logger.warn({ problem, arrival: arrivalId, integration, detail: forOperator }, 'a destination was refused'),
  })
  const containment = createContainment((error, peer) => {
    bugs.inc()
    logger.error({ err: error, peer }, 'an unexpected error; the connection that it served is cut')
  })
  const { maxHeaderBytes, headersTimeoutMs, keepAliveMs, idleTimeoutMs, linger } = config.http
  const serving = {
    ...{ handle, nextId, containment, idleTimeoutMs, linger },
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      noDelay: true,
    },
  }
  const inner = createInterceptDoor({ serving, secureContext: createLeaves(authority).contextFor, headersTimeoutMs })
  // There before access is: a manifest that was removed while no gateway ran is a change like any other.
  const doors = createListeners({ config, descriptors, callers, serving, now })
  try {
    // Before anything is read: a change meanwhile is not missed.
    await following.begin()
    await Promise.all([access.start(), usageKeeper.restore(), authority, audit.ready()])
    await activation.start()
  } catch (error) {
    await release()
    throw error
  }

  const admin = createOperator({
    maxConnections: descriptors.forOperator,
    ...{ config, version, government, access, audit, state, metrics, logger },
    reload: () => following.reload('operator'),
    usage: () => slices(usage.reportText(manifests.names())),
    integrations: manifests.names,
  })

  const listeners: Listener[] = []
  try {
    reach.refusePorts((await admin.listen()).ports)
    beforeListening?.()
    for (const one of config.listeners) {
      const listener = await doors.open(one)
      if ('port' in listener.address) reach.refusePorts([listener.address.port])
      listeners.push(listener)
    }
  } catch (error) {
    await shutdown()
    throw error
  }
  government.follow()
  state.ready = true
  usageKeeper.start()
  following.start()
  logger.info(
    {
      listeners: listeners.map(({ name, address }) => ({ name, address })),
      health: admin.healthAddress(),
      revision: government.revision(),
    },
    government.revision() === null ? 'listening, and not ready: there is no policy yet' : 'ready',
  )

  /** What is left once nothing is served: the log last, so that it has everything. */
  async function release(): Promise<void> {
    following.stop()
    witness?.close()
    access.close()
    await reach.close()
    await usageKeeper.close()
    await reporting.close()
    await Promise.all([...servers.values()].map((server) => server.close()))
    await audit.close()
  }

  async function shutdown(): Promise<void> {
    await government.close()
    for (const listener of listeners) listener.destroy()
    await admin.close()
    await release()
  }

  return {
    listeners: listeners.map(({ name, address }) => ({ name, address })),
    health: admin.healthAddress(),
    reload: () => following.reload('signal'),
    contain: containment.contain,
    close: () => (state.closing ??= close()),
  }

  async function close(): Promise<void> {
    state.draining = true
    following.stop()
    // A bundle that is being compiled holds nobody up: `shutdown` waits for it.
    void government.close().catch(() => {})
    inner.close()
    const drained = Promise.all(listeners.map((listener) => listener.drain()))
    const late = await Promise.race([drained.then(() => false), sleep(config.drainTimeoutMs, true, { ref: false })])
    if (late) logger.warn({ drainTimeoutMs: config.drainTimeoutMs }, 'live work did not end in time and is cut')
    for (const listener of listeners) listener.destroy()
    // What was cut settles when its sockets close, in the turns that follow.
    await drained
    await new Promise((resolve) => setImmediate(resolve))
    await shutdown()
    logger.info('stopped')
  }
}
