/** The interface of what is called after an activation, and the listener that records it in the audit log and the operational log. */
import { type Compared, describeCompared } from '../reference/index.ts'
import { describeChanges, type InForce } from '../rollout/index.ts'
import type { Logger } from '../telemetry/index.ts'

/** In the turn of the event loop in which the policy changed, so it may not wait for anything. */
export type ActivationListener = (inForce: InForce) => void

/** Calls each, whatever another one threw: open connections are evaluated again even where a report of the activation fails. */
export function callEach(listeners: readonly ActivationListener[], inForce: InForce, onFailure: (error: unknown) => void): void {
  for (const listener of listeners) {
    try {
      listener(inForce)
    } catch (error) {
      onFailure(error)
    }
  }
}

export interface RecordActivationOptions {
  /** As in `PolicyStation`. */
  readonly compared: () => Compared | null
  /** Of the active rules and masks. */
  readonly warnings: () => readonly string[]
  /** A record in the audit log. */
  readonly note: (type: 'activated', facts: Readonly<Record<string, string | number | boolean>>) => void
  readonly logger: Logger
}

/** Records each activation, and says in the operational log what the operator should know of it. */
export function createRecordActivation({
  compared: readCompared,
  warnings: readWarnings,
  note,
  logger,
}: RecordActivationOptions): ActivationListener {
  return ({ integrations, activated }) => {
    if (activated === null) {
      logger.warn('there is no policy yet, and everything is denied: a bundle is missing')
      return
    }
    const { revision, how, by, from, previous, files, isNews } = activated
    // A reload that changed nothing is not recorded.
    if (!isNews && how === 'reload') return
    const changed = describeChanges(activated.changed)
    const compared = readCompared()
    const warnings = readWarnings()
    note('activated', {
      revision,
      integrations: integrations.length,
      how,
      by,
      ...(from !== null && { from }),
      ...(previous !== null && { previous }),
      ...(how !== 'start' && files.length > 0 && { files: files.join(', ') }),
      reference: compared === null ? 'off' : describeCompared(compared),
      ...(how !== 'start' && changed !== '' && { changed }),
      ...(warnings.length > 0 && { warnings: warnings.join('\n').slice(0, 1000) }),
    })
    logger.info({ revision, integrations: integrations.length, how, by }, 'policy active')
    for (const problem of warnings) logger.warn({ problem }, 'the policy is active, and rules look at data that is not there')
  }
}
