/** Whether the disk of the log has room: below a reserve new work is refused, before a write fails. */
import { statfs } from 'node:fs/promises'
import { Refusal } from '../../core/index.ts'

/** `low`: less than twice the reserve is free. `full`: less than the reserve. */
export type Room = 'enough' | 'low' | 'full'

export interface FreeSpace {
  /** Asks the file system. Never rejects: while it does not answer, what it said last holds. */
  look(): Promise<void>
  /** Bytes; `null` before the first answer. */
  free(): number | null
  room(): Room
  /** Throws `Refusal('audit-unavailable')` where there is less than the reserve. */
  requireRoom(): void
}

export interface FreeSpaceOptions {
  readonly folder: string
  readonly reserveBytes: number
  /** Called where it changes. */
  readonly onChanged: (room: Room, freeBytes: number) => void
}

/** Of a file system, for users without privileges. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

export function roomOf(freeBytes: number, reserveBytes: number): Room {
  if (freeBytes < reserveBytes) return 'full'
  return freeBytes < reserveBytes * 2 ? 'low' : 'enough'
}

export function createFreeSpace({ folder, reserveBytes, onChanged }: FreeSpaceOptions): FreeSpace {
  let known: { readonly freeBytes: number; readonly room: Room } | null = null

  return {
    async look() {
      const freeBytes = await freeBytesOf(folder).catch(() => null)
      if (freeBytes === null) return
      const before = known?.room ?? 'enough'
      known = { freeBytes, room: roomOf(freeBytes, reserveBytes) }
      if (known.room !== before) onChanged(known.room, freeBytes)
    },
    free: () => known?.freeBytes ?? null,
    room: () => known?.room ?? 'enough',
    requireRoom() {
      if (known?.room === 'full')
        throw new Refusal('audit-unavailable', 'there is too little room for the audit log', {
          headers: ['retry-after', '30'],
          forOperator: `${known.freeBytes} bytes are free where the audit log is, and audit.reserve is ${reserveBytes}`,
        })
    },
  }
}
