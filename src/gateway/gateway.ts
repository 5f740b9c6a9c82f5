/** The composition root: builds each station from the configuration and hands one to the other, in the order of this file. */
import { mkdir } from 'node:fs/promises'
import type { AppendFile } from '../audit/index.ts'
import { createServerClient } from '../bundles/index.ts'
import { createLeaves } from '../certs/index.ts'
import type { Config } from '../config/index.ts'
import { createOpenConnections } from '../connections/index.ts'
import { createOperatorLookup } from '../egress/index.ts'
import {
  createConnectionShares,
  createErrorBoundary,
  createIds,
  createInterceptDoor,
  createPolicyDoor,
  type Listener,
  type ServingOptions,
} from '../ingress/index.ts'
import { createReadContext } from '../limits/index.ts'
import { createIntegrationRegistry, suggestion } from '../manifests/index.ts'
import { type Compile, createCompile, createLibrarySource, gatewayFolders, libraryIn } from '../opa/index.ts'
import { createPipeline } from '../pipeline.ts'
import { createRedactor } from '../redact/index.ts'
import type { ReloadResult } from '../rollout/index.ts'
import { createDescriptors } from '../shares/index.ts'
import { createSessionKeeper } from '../sockets/index.ts'
import { createCpuShare, createLogger, createMetrics, createRelief } from '../telemetry/index.ts'
import { version } from '../version.ts'
import { createRecordActivation } from './activation-listener.ts'
import { createBundleDelivery } from './bundle-delivery.ts'
import { createCallers } from './callers.ts'
import { createFailures } from './failures.ts'
import { createFollowing } from './follow-folders.ts'
import { createListeners, servingSettings } from './listeners.ts'
import { createLogWork } from './log-work.ts'
import { createMetering } from './metering.ts'
import { createOperator } from './operator.ts'
import { createPolicies } from './policies.ts'
import { createPolicyLifecycle } from './policy-lifecycle.ts'
import { openRecording } from './recording.ts'
import { createReferenceReports } from './reference-reports.ts'
import { createReporting } from './reporting.ts'
import { createResources } from './resources.ts'
import { createShutdown } from './shutdown.ts'
import { startTracing } from './tracing.ts'
import { createTrust } from './trust.ts'
import { createWatching } from './watching.ts'

export interface Gateway {
  readonly listeners: readonly { readonly name: string; readonly address: Listener['address'] }[]
  readonly health: { readonly host: string; readonly port: number }
  reload(): Promise<ReloadResult>
  /** For what nothing caught: cuts the caller's connection on whose behalf it was thrown; `false` where there is none. */
  cut(error: unknown): boolean
  /** Kills every integration, until an operator lifts that. */
  kill(): void
  /** Refuses new work, lets live work end within the drain timeout, flushes the log. */
  close(): Promise<void>
}

export interface GatewayOptions {
  /** Where log lines go; standard error where absent. */
  readonly logTo?: { write(line: string): void }
  /** Called once all is built and the operator’s side listens, and no listener is bound yet. */
  readonly beforeListening?: () => void
  /** Milliseconds since the epoch, by which records of the audit log are old; a test lets it jump. */
  readonly wallClock?: () => number
  /** How the audit log is written; a test lets it fail. */
  readonly auditFile?: AppendFile
  /** How a policy's WebAssembly is made fit to run; a test damages it. */
  readonly harden?: (wasm: Uint8Array) => Uint8Array
  /** Compiles rules; in the state folder and again each time where absent. Tests share one that keeps its answers. */
  readonly compile?: Compile
}

/** Nothing is bound before the configuration, the manifests, the policy and the log are good. Throws what makes one of them bad. */
export async function startGateway(
  config: Config,
  { logTo, beforeListening, auditFile, wallClock, harden, compile: given }: GatewayOptions = {},
): Promise<Gateway> {
  // Logs, metrics and the audit log.
  const redactor = createRedactor(config.secrets)
  const logger = createLogger({ level: config.log.level, mask: (line) => redactor.text(line), ...(logTo && { destination: logTo }) })
  const metrics = createMetrics()
  await mkdir(config.state.folder, { recursive: true, mode: 0o700 })
  const shown = { redact: redactor, needs: () => policy.needs, context: (...of: Parameters<typeof readContext>) => readContext(...of) }
  const audit = await openRecording({ config, mask: redactor, shown, logger, metrics, file: auditFile })
  const { note } = audit
  const logWork = createLogWork({ config, version, audit, logger, metrics, wallClock })
  const { shipping, keeping } = logWork
  const watching = await createWatching({ config, logger, metrics, note, noted: audit.noted })
  const { checkpoint } = audit.status()
  const { tracing, close: closeTracing } = await startTracing({ config, origin: checkpoint.origin, mask: redactor, metrics, logger })

  // What is shared among integrations, and counted for each.
  const now = () => performance.now()
  const registry = createIntegrationRegistry(config.integrationsFolder, config.defaults)
  const containedIn = (name: string) => containment.of(name)
  const metering = createMetering({
    ...{ config, note, watch: watching.event, names: registry.names, containedIn, now, logger, metrics },
  })
  const descriptors = createDescriptors()
  const shares = createConnectionShares(now, descriptors.mayAccept)

  // What can be touched. Made beside all that follows where it is not there yet:
  const trust = createTrust({ config, note, noted: audit.noted, logger })
  const nextId = createIds()
  const failures = createFailures(metrics, logger)
  const errorBoundary = createErrorBoundary(failures.onUncaught)
  const serving: ServingOptions = {
    // What comes through an intercepted tunnel takes the path that opened the tunnel, so doors are made before it.
    handle: (arrival) => handle(arrival),
    ...{ nextId, errorBoundary, sessionKeeper: createSessionKeeper(), ...servingSettings(config.http) },
  }
  const secureContext = createLeaves(trust.current).contextFor
  const inner = createInterceptDoor({
    ...{ serving, secureContext, headersTimeoutMs: config.http.headersTimeoutMs, offersHttp2: config.http.http2 },
  })
  const resources = createResources({
    ...{ config, descriptors, metrics, report: metering.limits.report, containedIn, intercept: inner.intercept },
  })

  // What decides.
  const folders = gatewayFolders(config.state.compiler)
  const compile = given ?? createCompile(folders)
  const library = createLibrarySource(libraryIn(folders), (problem) => logger.warn({ problem }, 'some calls of the rules may fail'))
  const { reference } = config.policy
  const referenceReports =
    reference === null
      ? null
      : createReferenceReports({ ...reference, auditFolder: config.audit.folder, redact: redactor, note, logger, metrics })
  const readContext = createReadContext({ ...metering.limits, stateOf: (name) => containedIn(name)?.state ?? 'normal' })
  const policies = createPolicies({
    ...{ config, compile, library, referenceReports, harden, readContext, note, logger, metrics },
    // External calls of rules take the path that these rules decide on.
    externalCalls: { send: (...asked) => externalCalls.send(...asked), lookup: (...asked) => externalCalls.lookup(...asked) },
  })
  const { policy, active, shadow } = policies

  // What is open, and who may come in.
  const openConnections = createOpenConnections({
    policy,
    claim: (request, needs) => resources.find(request.kind).claim(request, needs),
    revision: active.revision,
    isCurrent: (revision) => [active.revision(), shadow?.decidingRevision()].includes(revision),
    onCut({ id, integration }, { rule, revision }) {
      note('revoked', { id, integration: integration.name, rule, revision })
      logger.warn({ id, integration: integration.name, rule }, 'an open connection is no longer allowed and is cut')
    },
  })
  const entrance = createCallers({
    ...{ config, registry, logger, metrics, note },
    noted: audit.noted,
    reevaluate: openConnections.reevaluate,
    rescale: metering.limits.rescale,
    cut: shares.cut,
  })
  const { access, containment, callers, exchanges } = entrance

  // How a policy comes into force.
  const lookup = createOperatorLookup()
  const servers = new Map(config.policy.servers.map((server) => [server.name, createServerClient(server, lookup)]))
  const delivery = createBundleDelivery({ config, servers, note, logger, metrics })
  const reporting = createReporting({
    ...{ config, version, servers, compile, library, readContext, logger, metrics },
    redact: redactor,
    needs: () => policy.needs,
    bundles: delivery.statuses,
  })
  // Masks are compiled together with the rules: one place may be in both.
  const warnings = () => [...new Set([...active.warnings(), ...(reporting.masks?.warnings() ?? [])])]
  const lifecycle = createPolicyLifecycle({
    ...{ config, registry, policies, delivery, reporting, note, logger },
    onActivated: [
      () => shadow?.setAside(),
      ({ integrations }) => metering.update(integrations),
      ({ integrations }) => redactor.setNames(integrations.map(({ redaction }) => redaction)),
      openConnections.reevaluate,
      ({ bundles }) => delivery.activated(bundles),
      reporting.activated,
      createRecordActivation({ compared: active.compared, warnings, note, logger }),
    ],
    postActivate: [
      delivery.keep,
      async (inForce, signal) => {
        if (await shadow?.prepare(inForce, signal)) openConnections.reevaluate()
      },
    ],
  })
  const following = createFollowing({ config, access, activation: lifecycle.activation, logger })

  // The path, and the doors to it.
  const state = { draining: false, ready: false }
  const handle = createPipeline({
    ...{ policy, redactor, now, tracing, cpu: createCpuShare({ now }) },
    limits: metering.limits,
    usage: metering.usage,
    watch: watching.station,
    openConnections,
    exchanges,
    isDraining: () => state.draining,
    requireRoom: keeping.requireRoom,
    onBytes: createRelief(),
    auditLog: audit,
    findResource: resources.find,
    decisionLog: reporting.decisionLog,
    suggest: suggestion,
    ...failures,
  })
  const { maxReplyBytes } = config.policy.grants
  const externalCalls = createPolicyDoor({ handle, nextId, maxReplyBytes, identify: entrance.identifyPolicy })
  const doors = createListeners({ config, shares, callers, serving, denyInside: inner.denyInside })
  const admin = createOperator({
    maxConnections: descriptors.forOperator,
    ...{ config, version, policies, lifecycle, delivery, referenceReports, warnings, access, containment, state, metrics, logger },
    ...{ audit, keeping, shipping, holds: logWork.holds, watching },
    reload: (from: string) => following.reload('operator', from),
    rotateCa: trust.rotate,
    usage: metering.report,
    integrations: registry.names,
    integration: registry.get,
  })

  // Beginning and end.
  const listeners: Listener[] = []
  const shutdown = createShutdown({
    ...{ config, state, lifecycle, following, listeners, inner, openConnections, admin, logger },
    settled: audit.settled,
    // The log last, so that it has everything.
    release: [
      following.stop,
      closeTracing,
      trust.close,
      () => referenceReports?.close(),
      containment.close,
      resources.close,
      metering.keeper.close,
      watching.close,
      reporting.close,
      logWork.close,
      () => Promise.all([...servers.values()].map((server) => server.close())),
      audit.close,
      // Its end too is shipped.
      shipping.close,
    ],
  })
  try {
    // Before anything is read: a change meanwhile is not missed.
    await following.begin()
    // Access too is read before the policy: a manifest that was removed while no gateway ran is a change like any other.
    await Promise.all([keeping.start(), entrance.start(), metering.keeper.restore(), trust.current(), audit.ready()])
    await lifecycle.activation.start()
  } catch (error) {
    await shutdown.release()
    throw error
  }
  try {
    resources.refusePorts((await admin.listen()).ports)
    beforeListening?.()
    for (const listening of config.listeners) {
      const listener = await doors.open(listening)
      if ('port' in listener.address) resources.refusePorts([listener.address.port])
      listeners.push(listener)
    }
  } catch (error) {
    await shutdown.now()
    throw error
  }
  lifecycle.follow()
  state.ready = true
  metering.keeper.start()
  following.start()
  watching.start({
    ...{ config, names: registry.names, limits: metering.limits, room: keeping.room, audit: audit.status, sinks: shipping.status },
    differences: () => referenceReports?.counts().differences ?? null,
    authority: trust.current,
    set: containment.set,
  })
  await logWork.start()
  const addresses = listeners.map(({ name, address }) => ({ name, address }))
  const revision = active.revision()
  logger.info(
    { listeners: addresses, health: admin.healthAddress(), revision },
    revision === null ? 'listening, and not ready: there is no policy yet' : 'ready',
  )
  return {
    listeners: addresses,
    health: admin.healthAddress(),
    reload() {
      shipping.reopen()
      return following.reload('signal')
    },
    cut: errorBoundary.cut,
    kill: containment.killAll,
    close: shutdown.drain,
  }
}
