/** `sallyport run`: the gateway in the foreground, until a signal. */
import type { Config } from '../config/index.ts'
import { type Gateway, startGateway } from '../gateway/index.ts'
import { createRedactor } from '../redact/index.ts'
import { releaseStartup, tuneCollector } from '../telemetry/index.ts'
import { exitCodes, startFailure } from './exit.ts'
import { requireUsablePlaces } from './preflight.ts'

/** Within it a signal that comes again is the same. */
const oneSignalMs = 500

/** Starts, and answers signals: TERM and INT drain, a second signal exits at once, HUP reloads, USR2 kills every integration. Throws what prevents the start. */
export async function run(config: Config, beforeExit: () => Promise<void> = async () => {}): Promise<Gateway> {
  let running: Gateway | null = null
  // A request's failure is caught where it is served, or costs its connection; what comes here is a bug after which the state is unknown.
  process.on('uncaughtException', (error) => {
    if (running?.cut(error) === true) return
    // The logger may be what failed; its mask is not left out for that.
    const err = createRedactor(config.secrets).text(error.stack ?? String(error))
    const line = { level: 'fatal', time: new Date().toISOString(), msg: 'an error that nothing caught; the gateway ends', err }
    process.stderr.write(`${JSON.stringify(line)}\n`)
    process.exit(exitCodes.software)
  })
  // Whatever it was: what the gateway makes it can read itself, and no other user can write.
  process.umask((process.umask() & 0o077) | 0o022)
  requireUsablePlaces(config)
  tuneCollector()
  // Signals are answered from before the first line that says the gateway is ready: who reads that line may signal at once.
  const starting = startGateway(config, { beforeListening: releaseStartup })
  starting.then(
    (gateway) => {
      running = gateway
    },
    () => {}, // the caller of `run` reports why it did not start
  )
  let stoppingSince: number | null = null
  const stop = (signal: NodeJS.Signals, code: number) => {
    if (stoppingSince !== null) {
      // npm, npx and our launcher pass on a Ctrl-C that the whole process group got already: both count as one.
      if (performance.now() - stoppingSince > oneSignalMs) process.exit(code)
      return
    }
    stoppingSince = performance.now()
    starting
      .then(
        (gateway) => gateway.close().then(beforeExit),
        () => {}, // the caller of `run` reports why it did not start
      )
      .then(() => process.exit(process.exitCode ?? 0))
      .catch((error: Error) => {
        process.stderr.write(`${signal}: ${error.stack ?? error.message}\n`)
        process.exit(exitCodes.software)
      })
  }
  process.on('SIGTERM', () => stop('SIGTERM', 143))
  process.on('SIGINT', () => stop('SIGINT', 130))
  // Node keeps SIGUSR1 for its debugger.
  process.on('SIGUSR2', () => void starting.then((gateway) => gateway.kill()).catch(() => {}))
  process.on('SIGHUP', () => void starting.then((gateway) => gateway.reload()).catch(() => {}))
  return starting.catch((error: unknown) => {
    throw startFailure(error)
  })
}
