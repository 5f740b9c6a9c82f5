/** Follows the folders of manifests and rules: a change there is loaded, and a reload that fails leaves the active set as it is. */
import type { Access } from '../access/index.ts'
import { type Config, readText } from '../config/index.ts'
import { type Watch, watchFolder } from '../files/index.ts'
import { manifestFiles } from '../manifests/index.ts'
import { ruleFiles } from '../policy/index.ts'
import type { Activation, ReloadCause, ReloadResult } from '../rollout/index.ts'
import type { Logger } from '../telemetry/index.ts'

export interface FollowingOptions {
  readonly config: Config
  readonly access: Pick<Access, 'refresh'>
  readonly activation: Activation
  readonly logger: Logger
  /** Until what could not be read for lack of a resource is read again. */
  readonly againMs?: number
  /** As in `WatchOptions`. */
  readonly everyMs?: number
}

export interface Following {
  /** Who may come in, at once, and then as `Activation.reload`. Never rejects. */
  reload(by: ReloadCause, from?: string): Promise<ReloadResult>
  /** Changes after this are not missed. */
  begin(): Promise<void>
  /** Changes that were seen, and all later ones, are loaded from now on. */
  start(): void
  stop(): void
}

/** Errors of this machine, not of the files in the folders: these are read again later. */
const passing = /\b(?:EMFILE|ENFILE|ENOMEM|EAGAIN|EIO)\b/
const patienceMs = 2000

export function createFollowing({ config, access, activation, logger, againMs = patienceMs, everyMs }: FollowingOptions): Following {
  let again: NodeJS.Timeout | undefined
  let watches: readonly Watch[] = []
  let hasStarted = false
  let hasChanged = false
  const configText = () => JSON.stringify(readText(config.file))
  const configAtStart = configText()

  async function reload(by: ReloadCause, from?: string): Promise<ReloadResult> {
    clearTimeout(again)
    const result = await reloadOnce(by, from)
    // A change is reported once by the watcher, so what could not be read then is read again here.
    if (!result.ok && passing.test(result.problem ?? '') && watches.length > 0)
      again = setTimeout(() => void reload('folders'), againMs).unref()
    return result
  }

  async function reloadOnce(by: ReloadCause, from?: string): Promise<ReloadResult> {
    try {
      if (by !== 'folders') await Promise.all(watches.map(({ aboutToRead }) => aboutToRead()))
      // A token that was removed no longer admits anyone while rules are compiled.
      await access.refresh()
      const result = await activation.reload(by, from)
      if (by === 'folders' || configText() === configAtStart) return result
      logger.warn('sallyport.yaml has changed since the start, and is read only then: restart the gateway for it')
      return { ...result, needsRestart: true }
    } catch (error) {
      logger.error({ err: error }, 'the manifests and rules could not be reloaded: the last good set stays active')
      return { ok: false, revision: '', problem: (error as Error).message }
    }
  }

  function changed(): void {
    if (hasStarted) void reload('folders')
    else hasChanged = true
  }

  return {
    reload,
    async begin() {
      const { rulesFolder, shadow } = config.policy
      const rules = [rulesFolder, shadow?.rulesFolder].filter((folder) => folder != null)
      const unwatched = (error: Error) =>
        logger.warn({ err: error }, 'changes are not reported by the system, and are looked for from time to time')
      const options = everyMs === undefined ? {} : { everyMs }
      watches = [
        watchFolder(config.integrationsFolder, manifestFiles, changed, unwatched, options),
        ...rules.map((folder) => watchFolder(folder, ruleFiles, changed, unwatched, options)),
      ]
      await Promise.all(watches.map(({ begun }) => begun))
    },
    start() {
      hasStarted = true
      if (hasChanged) changed()
    },
    stop() {
      clearTimeout(again)
      for (const { stop } of watches) stop()
      watches = []
    },
  }
}
