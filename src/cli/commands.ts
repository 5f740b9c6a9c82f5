/** The commands beside `run`. Each does its work in a file of its own, which is loaded when that command runs. */
import { InvalidArgumentError, Option } from 'commander'
import type { ReloadResult } from '../rollout/index.ts'
import { ask } from './admin-client.ts'
import type { DashboardFlags } from './dashboard.ts'
import { type EnvFlags, envFormats } from './env-formats.ts'
import type { Registering, Shared } from './every-command.ts'
import { CommandError, exitCodes } from './exit.ts'
import { findConfig } from './find-config.ts'
import type { SuspendFlags } from './suspend.ts'
import type { UsageFlags } from './usage.ts'

/** Commands that have rooms of their own, each loaded where one of its commands is meant; all of them for help, and for a word that is none. */
const rooms: Readonly<Record<string, () => Promise<(registering: Registering) => void | Promise<void>>>> = {
  alerts: async () => (await import('./alerts/index.ts')).addAlertCommands,
  audit: async () => (await import('./audit/index.ts')).addAuditCommands,
  contain: async () => (await import('./contain/index.ts')).addContainCommands,
  drill: async () => (await import('./drill/index.ts')).addDrillCommands,
  incident: async () => (await import('./incident/index.ts')).addIncidentCommands,
  policy: async () => (await import('./policy/index.ts')).addPolicyCommands,
  watch: async () => (await import('./watch/index.ts')).addWatchCommands,
}

export async function addCommands(registering: Registering): Promise<void> {
  const { program, command, print, words } = registering
  program
    .command('demo')
    .description('Run the quick start: a gateway, an example upstream, and what to type next.')
    .action(async () => (await import('./demo.ts')).demo())

  command('check', 'Check the configuration and the manifests; every problem with file and line.').action(async ({ config }: Shared) => {
    const [{ requireKnown }, { loadManifests }] = await Promise.all([import('../config/index.ts'), import('../manifests/index.ts')])
    const found = findConfig(config)
    const { integrations } = await loadManifests(found.integrationsFolder, found.defaults)
    requireKnown(found, integrations)
    print(`OK: ${found.file}, ${integrations.length} integration${integrations.length === 1 ? '' : 's'}\n`)
  })

  command('doctor', 'Say what is wrong with an installation before it is started.')
    .option('--json', 'print JSON')
    .action(async ({ config, json }: Shared & { json?: boolean }) => {
      const { doctor, formatChecks } = await import('./doctor.ts')
      const checks = await doctor(config)
      print(json === true ? `${JSON.stringify(checks)}\n` : formatChecks(checks))
      if (checks.some(({ state }) => state === 'fail')) process.exitCode = exitCodes.failure
    })

  command('env <name>', 'Print the variables that make an integration’s clients go through the gateway.')
    .option('--token-file <file>', 'file with the proxy token; else $SALLYPORT_TOKEN')
    .addOption(new Option('--format <format>', 'how to print them').choices(envFormats).default('shell'))
    .action(async (name: string, { config, ...flags }: Shared & EnvFlags) => {
      const { env } = await import('./env.ts')
      print(await env(findConfig(config), name, flags))
    })

  command('exec <name> [command...]', 'Run a command whose clients go through the gateway: sallyport exec NAME -- COMMAND.')
    .option('--token-file <file>', 'file with the proxy token; else $SALLYPORT_TOKEN')
    .action(async (name: string, words: readonly string[], { config, tokenFile }: Shared & { tokenFile?: string }) => {
      const { exec } = await import('./exec.ts')
      process.exitCode = await exec(findConfig(config), name, words, tokenFile)
    })

  program
    .command('token <name>')
    .description('Make a proxy token and the line for the manifest.')
    .action(async (name: string) => print((await import('./token.ts')).token(name)))

  const caCommands = () => import('./ca.ts')
  const ca = program.command('ca').description('The CA of interceptions, which clients have to trust.')
  command('show', 'Show the CA: its name, fingerprint, validity and files.', ca)
    .option('--json', 'print JSON')
    .action(async ({ config, json = false }: Shared & { json?: boolean }) =>
      print(await (await caCommands()).caShow(findConfig(config), json)),
    )
  command('rotate', 'Put a new CA in place of this one; a running gateway takes it over at once.', ca)
    .option('--overlap <duration>', 'how long clients that trust only the CA before are kept working', '168h')
    .option('--no-overlap', 'cut them off at once: the CA before is no longer trusted')
    .action(async ({ config, overlap }: Shared & { overlap: string | false }) =>
      print(await (await caCommands()).caRotate(findConfig(config), overlap)),
    )
  command('trust', 'Say for each kind of client what makes it trust the CA, or write that into a folder.', ca)
    .option('--to <folder>', 'a folder for ca.crt, ca.der, bundle.crt, truststore.p12, apt.conf and node-proxy.cjs')
    .action(async ({ config, to }: Shared & { to?: string }) => print(await (await caCommands()).caTrust(findConfig(config), to)))

  command('usage', 'Show what each integration did and has left; or what it did per minute, hour, day or month.')
    .addOption(
      new Option('--window <window>', 'per minute, hour, day or month; needs "watch:"').choices(['minute', 'hour', 'day', 'month']),
    )
    .option('--integration <name>', 'only of this integration')
    .option('--since <time>', 'with --window, from then on: "2h", "7d", "2026-01-31T08:00:00Z"')
    .option('--until <time>', 'with --window, until then')
    .addOption(new Option('--format <format>', 'how it is printed').choices(['table', 'json', 'csv']).default('table'))
    .option('--json', 'the same as --format json')
    .action(async ({ config, ...flags }: Shared & UsageFlags) => {
      const { printUsage } = await import('./usage.ts')
      await printUsage(findConfig(config), flags, print)
    })

  command('status', 'Show the running gateway’s revision, integrations, bundles and health.').action(async ({ config }: Shared) => {
    const body = await ask(findConfig(config), 'GET', '/v1/status')
    const { visibleLines } = await import('../text/index.ts')
    print(`${visibleLines(JSON.stringify(body, null, 2))}\n`)
  })

  command('dashboard', 'Open the dashboard in a browser, over the operator’s socket; until Ctrl-C.')
    .addOption(new Option('--port <port>', 'on 127.0.0.1; any free one by default').default(0).argParser(portOf))
    .option('--no-open', 'only print the address')
    .action(
      async ({ config, ...flags }: Shared & DashboardFlags) =>
        await (await import('./dashboard.ts')).dashboard(findConfig(config), flags, print),
    )

  command('reload', 'Take up manifests and rules as they are on disk now; exit 1 where they are bad.').action(
    async ({ config }: Shared) => {
      const body = await ask(findConfig(config), 'POST', '/v1/reload', { isSlow: true })
      const { ok, revision, problem, pinned, missing, needsRestart = false } = body as ReloadResult
      if (!ok) throw new CommandError(`rejected; revision ${revision || 'none'} stays active:\n${problem}`)
      if (missing !== undefined) throw new CommandError(`the manifests are good, and bundles are missing: ${missing.join(', ')}`)
      print(
        pinned === undefined
          ? `active: revision ${revision}\n`
          : `revision ${pinned} was chosen and stays; "sallyport policy activate latest" follows the folders again\n`,
      )
      if (needsRestart) print('sallyport.yaml has changed since the start, and is read only then: restart the gateway for it\n')
    },
  )

  command('suspend <name>', 'Let an integration do nothing at all: new requests are refused, and what is open is cut.')
    .option('--for <duration>', 'resume by itself after this long, for example 1h; else until "sallyport resume"')
    .option('--reason <text>', 'for the record and for operators; not shown to callers')
    .action(async (name: string, { config, ...flags }: Shared & SuspendFlags) =>
      print(await (await import('./suspend.ts')).suspend(findConfig(config), name, flags)),
    )
  command('resume <name>', 'End a suspension.')
    .option('--reason <text>', 'for the record')
    .action(async (name: string, { config, reason }: Shared & SuspendFlags) =>
      print(await (await import('./suspend.ts')).resume(findConfig(config), name, reason)),
    )

  program
    .command('schema')
    .description('Print a JSON Schema for editors.')
    .argument('<what>', '`config` or `manifest`', (what) => {
      if (what === 'config' || what === 'manifest') return what
      throw new InvalidArgumentError('it is "config" or "manifest"')
    })
    .action(async (what: 'config' | 'manifest') => {
      const [{ configJsonSchema }, { manifestJsonSchema }] = await Promise.all([
        import('../config/index.ts'),
        import('../manifests/index.ts'),
      ])
      print(`${JSON.stringify(what === 'config' ? configJsonSchema() : manifestJsonSchema(), null, 2)}\n`)
    })

  const word = words[0] ?? ''
  const isKnown = program.commands.some((known) => known.name() === word)
  const meant = Object.hasOwn(rooms, word) ? [word] : isKnown ? [] : Object.keys(rooms)
  for (const room of meant) await (await rooms[room]?.())?.(registering)
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('it is a number up to 65535')
  return port
}
