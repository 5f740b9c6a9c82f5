/** The CA of the gateway, which an operator can rotate, while it runs too: recorded, and logged. */
import { createAuthorityKeeper, RotationRefused } from '../certs/index.ts'
import type { Config } from '../config/index.ts'
import { createRedactor } from '../redact/index.ts'
import { createLogger, createMetrics, type Logger } from '../telemetry/index.ts'
import { openRecording } from './recording.ts'

export type Rotated =
  | { readonly ok: true; readonly fingerprint: string; readonly overlapUntil: string | null }
  | { readonly ok: false; readonly problem: string }

export interface TrustOptions {
  readonly config: Config
  readonly note: (type: 'ca-rotated', facts: Readonly<Record<string, string>>) => void
  /** Resolves once what was noted is on disk. */
  readonly noted: () => Promise<void>
  readonly logger: Logger
}

/** Where no gateway runs: recorded and done in the same way. Throws as `openRecording`. */
export async function rotateStopped(config: Config, overlapMs: number | null): Promise<Rotated> {
  const redactor = createRedactor(config.secrets)
  const logger = createLogger({ level: 'error', mask: (line) => redactor.text(line) })
  const audit = await openRecording({ config, mask: redactor, logger, metrics: createMetrics(), file: undefined })
  try {
    await audit.ready()
    const trust = createTrust({ config, note: audit.note, noted: audit.noted, logger })
    const rotated = await trust.rotate(overlapMs)
    trust.close()
    return rotated
  } finally {
    await audit.close()
  }
}

export function createTrust({ config, note, noted, logger }: TrustOptions) {
  const keeper = createAuthorityKeeper({
    ...{ files: config.state.ca, trust: config.trust },
    async record({ certificate, overlap }, before) {
      const facts = {
        fingerprint: certificate.fingerprint256,
        before: before.certificate.fingerprint256,
        ...(overlap !== null && { overlapUntil: new Date(overlap.untilMs).toISOString() }),
      }
      note('ca-rotated', facts)
      await noted()
      logger.info(facts, 'the CA is rotated')
    },
    onUnpublished: (error) => logger.error({ err: error }, 'what clients trust cannot be written: it still has the CA before this one'),
  })
  return {
    current: keeper.current,
    close: keeper.close,
    /** For the operator. Throws what keeps the new CA, which signs already, from being written where clients find it. */
    async rotate(overlapMs: number | null): Promise<Rotated> {
      try {
        const { certificate, overlap } = await keeper.rotate(overlapMs)
        const overlapUntil = overlap === null ? null : new Date(overlap.untilMs).toISOString()
        return { ok: true, fingerprint: certificate.fingerprint256, overlapUntil }
      } catch (error) {
        if (error instanceof RotationRefused) return { ok: false, problem: error.message }
        throw error
      }
    },
  }
}
