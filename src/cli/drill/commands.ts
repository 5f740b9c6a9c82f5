/** `sallyport drill …`: harmless traffic through the running gateway, and how long it takes to detect, contain and recover. */
import { once } from 'node:events'
import { formatSpan } from '../../incidents/index.ts'
import { visibleText } from '../../text/index.ts'
import type { Registering, Shared } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { findConfig } from '../find-config.ts'
import { createToken, drillManifest } from './manifest.ts'
import { requireKnown, requireNoAlert, requireReady, requireRule, rulesOfDrills } from './prerequisites.ts'
import { type DrillResult, runDrill } from './run-drill.ts'
import { type Drill, type DrillKind, drillKinds, drillOf } from './traffic.ts'

interface DrillFlags extends Shared {
  readonly proxy?: string
  readonly json?: boolean
}

const descriptions: Readonly<Record<DrillKind, string>> = {
  exfiltration: 'Upload zeros to a new destination, which is this command, until that is noticed and cut off.',
  beacon: 'Ask a new destination, which is this command, at regular intervals until that is noticed.',
  flood: 'Make a burst of requests, half of them denied, until that is noticed.',
}

export function addDrillCommands({ program, command, print }: Registering): void {
  const drill = program.command('drill').description('Measure how long it takes to detect, contain and recover, with harmless requests.')
  command(
    'manifest',
    'Print the manifest of the integration that drills are made with; its token is kept in the state folder.',
    drill,
  ).action(({ config }: Shared) => print(drillManifest(createToken(findConfig(config).state.drillToken))))
  for (const kind of drillKinds)
    command(kind, descriptions[kind], drill)
      .option('--proxy <host:port>', 'the gateway’s proxy, where sallyport.yaml does not tell it')
      .option('--json', 'print the result as JSON, and the steps on standard error')
      .action((flags: DrillFlags) => drillCommand(kind, flags, print))
}

async function drillCommand(
  kind: DrillKind,
  { config: file, proxy, json = false }: DrillFlags,
  print: (text: string) => void,
): Promise<void> {
  const config = findConfig(file)
  const ready = await requireReady(config, proxy)
  const rules = rulesOfDrills(config)
  const drill = drillOf(kind, rules)
  requireRule(rules, drill.rules)
  requireKnown(ready, drill.knownMs)
  await requireNoAlert(config, drill.rules)
  const stop = new AbortController()
  const began = performance.now()
  const say = (step: string) => {
    const line = `${visibleText(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${step}`)}\n`
    if (json) process.stderr.write(line)
    else print(line)
  }
  const done = new AbortController()
  const signals = Promise.race((['SIGINT', 'SIGTERM'] as const).map((name) => once(process, name, { signal: done.signal }))).then(
    () => stop.abort(),
    () => {},
  )
  try {
    const result = await runDrill({ config, ready, kind, drill, say, signal: stop.signal })
    if (stop.signal.aborted) throw new CommandError('stopped: the drill was ended, and what it began is undone', 130)
    print(json ? `${JSON.stringify(result)}\n` : summaryOf(result, drill.aims))
    if (!result.ok) process.exitCode = exitCodes.failure
  } finally {
    done.abort()
    await signals
  }
}

function summaryOf(
  { drill, detectMs, containMs, recoverMs, containedBy, bytesWhileContained, began, ok }: DrillResult,
  aims: Drill['aims'],
): string {
  const span = (ms: number | null, aimMs?: number) =>
    ms === null
      ? 'not within its time'
      : `${formatSpan(ms)}${aimMs === undefined ? '' : ` (${ms > aimMs ? 'more than' : 'within'} the ${formatSpan(aimMs)} that it should take)`}`
  return `
${ok ? 'OK' : 'NOT OK'}: drill ${drill}
  time to detect    ${span(detectMs, aims?.detectMs)}
  time to contain   ${span(containMs, aims?.containMs)}${containedBy === 'drill' ? ' (by this command: the rule contains nothing)' : ''}
  time to recover   ${span(recoverMs)}
  bytes that passed while it was contained: ${bytesWhileContained ?? '-'}
The report of it: sallyport incident export --integration sallyport-drill --from ${began}
`
}
