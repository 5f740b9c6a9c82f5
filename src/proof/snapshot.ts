/** What a log is at one moment, also while a gateway writes it. */
import { join } from 'node:path'
import type { LogFiles } from './log-files.ts'
import { namesIn } from './stored-indexes.ts'
import { WalFiles } from './wal.ts'

export interface Snapshot {
  readonly wal: WalFiles
  /** The checkpoint's bytes; `null` where there is none. */
  readonly note: Buffer | null
  /** Neither the chain of before alone nor nothing. */
  readonly isTree: boolean
  /** The log has gone on since. */
  isOutdated(): boolean
}

/** Every record that the checkpoint covers is in `wal`, or in a full bundle. To be closed: `wal`. */
export function takeSnapshot(log: LogFiles): Snapshot {
  for (;;) {
    const before = namesIn(join(log.folder, 'wal'))
    const wal = WalFiles.open(log.folder)
    const note = log.read('checkpoint')
    // One that was begun in between has records that this checkpoint may cover.
    if (namesIn(join(log.folder, 'wal')).every((name) => before.includes(name))) {
      wal.limit()
      const isTree = note !== null || wal.first !== null || namesIn(join(log.folder, 'tile')).length > 0
      return { wal, note, isTree, isOutdated: () => wal.hasGrown(log.folder) || !isSame(log.read('checkpoint'), note) }
    }
    wal.close()
  }
}

function isSame(bytes: Buffer | null, other: Buffer | null): boolean {
  return bytes === null || other === null ? bytes === other : bytes.equals(other)
}
