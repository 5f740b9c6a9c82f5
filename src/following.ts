/** Follows the folders of manifests and rules: what changes there is taken up, and a reload that fails ends nothing. */
import { type Config, watchFolder } from './config/index.ts'
import type { Activation, ReloadResult } from './policy/index.ts'
import type { Logger } from './telemetry/index.ts'

export interface FollowingOptions {
  readonly config: Config
  readonly activation: Activation
  readonly logger: Logger
  /** Until what could not be read for want of something is read again. */
  readonly againMs?: number
}

export interface Following {
  /** As `Activation.reload`. Never rejects. */
  reload(): Promise<ReloadResult>
  start(): void
  stop(): void
}

/** Of this machine, and not of what lies in the folders: it is looked at again. */
const passing = /\b(?:EMFILE|ENFILE|ENOMEM|EAGAIN|EIO)\b/
const patienceMs = 2000

export function createFollowing({ config, activation, logger, againMs = patienceMs }: FollowingOptions): Following {
  let again: NodeJS.Timeout | undefined
  let unwatch: readonly (() => void)[] = []

  async function reload(): Promise<ReloadResult> {
    try {
      return await activation.reload()
    } catch (error) {
      logger.error({ err: error }, 'the manifests and rules could not be reloaded: the last good set stays active')
      return { ok: false, revision: '', problem: (error as Error).message }
    }
  }

  async function follow(): Promise<void> {
    clearTimeout(again)
    const { ok, problem = '' } = await reload()
    // A change is told once; what could not be read then is not lost for that.
    if (!ok && passing.test(problem) && unwatch.length > 0) again = setTimeout(() => void follow(), againMs).unref()
  }

  return {
    reload,
    start() {
      const { rulesFolder, candidate } = config.policy
      const folders = [config.integrationsFolder, rulesFolder, candidate?.rulesFolder].filter((folder) => folder != null)
      unwatch = folders.map((folder) =>
        watchFolder(
          folder,
          () => void follow(),
          (error) => logger.warn({ err: error }, 'changes cannot be watched; use "sallyport reload"'),
        ),
      )
    },
    stop() {
      clearTimeout(again)
      for (const stop of unwatch) stop()
      unwatch = []
    },
  }
}
