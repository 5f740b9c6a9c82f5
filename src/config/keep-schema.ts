/** The schema of how long the log is kept, and of the room that it needs. */
import { z } from 'zod'
import { longDuration, size } from './quantities.ts'
import type { Sourced } from './sourced-schema.ts'

const mebi = 1024 ** 2

/** What of the log is kept. */
export interface KeepConfig {
  /** `null`: records are kept however old they are. */
  readonly forMs: number | null
  /** Of entry bundles; `null`: however large they are. */
  readonly bytes: number | null
}

export const keepKeys = ({ path }: Pick<Sourced, 'path'>) => ({
  keep: z
    .strictObject({
      for: longDuration().describe('Records older than this go. However old where absent.').optional(),
      size: size(mebi, undefined, 'expected a size of 1MiB or more')
        .describe('Of more records than this the oldest go. However many where absent.')
        .optional(),
    })
    .describe(
      'How much of the log is kept: whole bundles of 256 records go, the oldest first, once a record says so; hashes stay, so that what is left can be proved. Everything where absent.',
    )
    .prefault({}),
  archive: path('Folder that bundles are moved to instead of being removed.').optional(),
  reserve: size()
    .describe(
      'Free space below which new work is refused with 503 `audit-unavailable`, so that no write fails; from twice of it on, health and metrics say that it is low. With 0, only a write that fails does.',
    )
    .prefault('256MiB'),
})

interface Given {
  readonly keep: { readonly for?: number | undefined; readonly size?: number | undefined }
}

export function keepFrom({ keep }: Given): KeepConfig {
  return { forMs: keep.for ?? null, bytes: keep.size ?? null }
}
