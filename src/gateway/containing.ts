/** Joins what integrations are held in with its effects: records, live connections, and metrics. */
import type { AuditStation } from '../audit/index.ts'
import type { Config } from '../config/index.ts'
import { type Containment, type ContainmentChange, createContainment, createKillSwitch, everything } from '../containment/index.ts'
import { type Contained, type ContainmentState, containmentStates, isStopped, strictnessOf } from '../core/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'

export interface ContainingOptions {
  readonly config: Config
  /** Of the integrations that have a manifest. */
  readonly names: () => readonly string[]
  readonly note: AuditStation['note']
  /** Resolves once what was noted is on disk. */
  readonly noted: () => Promise<void>
  readonly logger: Logger
  readonly metrics: Metrics
  /** Evaluates again what is open: policies may look at the state. */
  readonly reevaluate: () => void
  /** Ends every exchange of an integration. */
  readonly stop: (integration: string, contained: Contained) => void
  /** What an integration keeps of its limits may have changed. */
  readonly rescale: (integration: string) => void
  /** Ends every connection of an integration. */
  readonly cut: (integration: string) => void
}

export interface Containing extends Containment {
  /** Kills everything: the operator has sent a signal. */
  killAll(): void
  /** What its file names is killed when this resolves, and within a second of a change from then on. */
  watchKillSwitch(): Promise<void>
  /** Whether what its file names could be put in force at the last look. */
  killSwitchWorks(): boolean
}

export function createContaining(options: ContainingOptions): Containing {
  const { config, names, note, noted, logger, metrics, reevaluate, rescale, stop, cut } = options
  const containment = createContainment({
    file: config.state.containment,
    approval: config.containment.approval,
    names,
    held: () => killSwitch.look(),
    onChange(change) {
      const facts = factsOf(change)
      note('containment', facts)
      noteSuspension(note, change)
      logger.warn(facts, change.change === 'requested' ? 'a state waits for a second operator' : `an integration is ${change.state} now`)
    },
    recorded: noted,
    onUnkept: (error) =>
      logger.error({ err: error }, 'what integrations are held in cannot be kept: it is in force, and would not outlive a restart'),
  })
  // What is open is recorded as revoked before the connections end.
  containment.onState((integration) => {
    rescale(integration)
    reevaluate()
    const contained = containment.of(integration)
    if (contained === null || !isStopped(contained)) return
    stop(integration, contained)
    cut(integration)
  })
  const file = config.state.kill
  const killSwitch = createKillSwitch({
    file,
    onNamed(named, problem) {
      // In force before it is said: saying it may fail.
      containment.kill(named, { reason: problem === null ? `named in ${file}` : `${file}: ${problem}`, by: 'kill-file' })
      const unknown = named.filter((name) => name !== everything && !names().includes(name))
      logger.error({ file, named, ...(problem !== null && { problem }) }, 'the kill switch is on')
      if (unknown.length > 0) logger.error({ file, unknown, known: names() }, 'the kill switch names what is no integration')
    },
    onRemoved: () => logger.warn({ file }, 'the kill switch is off; what it has killed stays so until an operator lifts it'),
    onFailed: (error) =>
      logger.fatal(
        { err: error, file },
        'the kill switch cannot be put in force whole: it is tried again, and the gateway is not ready until then',
      ),
  })
  const stateOf = (name: string): ContainmentState => containment.of(name)?.state ?? 'normal'
  const inState = (state: ContainmentState) => names().filter((name) => stateOf(name) === state).length
  metrics.gauge('sallyport_suspended_integrations', 'Integrations that are suspended.', () => inState('suspended'))
  metrics.labelledGauge(
    'sallyport_contained_integrations',
    'Integrations in each state but the normal one: watched, throttled, suspended, killed.',
    'state',
    () => new Map(containmentStates.slice(1).map((state) => [state, inState(state)])),
  )
  metrics.labelledGauge(
    'sallyport_containment_state',
    'Of each integration that is not in the normal state: 1 watched, 2 throttled, 3 suspended, 4 killed.',
    'integration',
    () => new Map(names().flatMap((name) => (stateOf(name) === 'normal' ? [] : [[name, strictnessOf(stateOf(name))] as const]))),
  )
  return {
    ...containment,
    watchKillSwitch: killSwitch.start,
    killSwitchWorks: killSwitch.works,
    killAll: () => containment.kill([everything], { reason: 'SIGUSR2', by: 'kill-signal' }),
    close() {
      killSwitch.close()
      containment.close()
    },
  }
}

function factsOf({ integration, change, before, state, asked, until, reason, by }: ContainmentChange): Readonly<Record<string, string>> {
  return {
    ...(integration !== '*' && { integration }),
    change,
    before,
    state,
    ...(asked !== state && { asked }),
    ...(until !== null && { until }),
    ...(reason !== null && { reason }),
    by,
  }
}

/** As the log had it before there were other states. */
function noteSuspension(note: AuditStation['note'], { integration, change, before, state, asked, until, reason }: ContainmentChange): void {
  const said = reason === null ? {} : { reason }
  const isEntered = state === 'suspended' && (before !== state || (asked === state && change !== 'requested'))
  if (isEntered) note('suspended', { integration, ...(until !== null && { until }), ...said })
  else if (before === 'suspended' && !isStopped({ state })) note('resumed', { integration, ...said })
}
