/** The record of each read of the log: who asked, in which role, what for, and how many records it was. */
import type { Principal } from '../../operators/index.ts'

/** What belongs together (the records of a stream, the tiles that a client fetches) is recorded when it begins, each minute, and at its end. */
const minuteMs = 60_000

export type Asked = Readonly<Record<string, string>>
export type ReadFacts = Readonly<Record<string, string | number | boolean | Asked>>

export interface ReadsOptions {
  readonly note: (type: 'read', facts: ReadFacts) => void
  /** Resolves once all that was noted is on disk. Rejects with `Refusal('audit-unavailable')` where it will not be. */
  readonly noted: () => Promise<void>
}

export interface LongRead {
  /** So many records more were given. */
  add(records: number): void
  /** Once; later calls do nothing. */
  end(how: string): void
}

export interface Reads {
  /** Before the answer leaves. Rejects as `noted`. */
  once(principal: Principal, what: string, records: number, asked?: Asked): Promise<void>
  /** Before the first of it leaves. Rejects as `noted`. */
  begin(principal: Principal, what: string, asked?: Asked): Promise<LongRead>
  /** As one read for all of the same kind that one principal asks for within a minute. Rejects as `noted`, of the first. */
  together(principal: Principal, what: string): Promise<void>
  close(): void
}

export function createReads({ note, noted }: ReadsOptions): Reads {
  const open = new Set<LongRead>()
  const kinds = new Map<string, { readonly read: Promise<LongRead>; timer: NodeJS.Timeout }>()
  let streams = 0

  const facts = ({ name, role, by }: Principal, what: string, asked: Asked | undefined, more: ReadFacts): ReadFacts => ({
    ...{ who: name, role, by, what },
    ...(asked !== undefined && Object.keys(asked).length > 0 && { asked }),
    ...more,
  })

  async function begin(principal: Principal, what: string, asked?: Asked): Promise<LongRead> {
    const read = `${process.pid}-${++streams}`
    let records = 0
    let total = 0
    const write = (state: string) => {
      total += records
      note(
        'read',
        facts(principal, what, state === 'begins' ? asked : undefined, { read, state, records: state === 'goes on' ? records : total }),
      )
      records = 0
    }
    write('begins')
    await noted()
    const timer = setInterval(() => {
      if (records > 0) write('goes on')
    }, minuteMs).unref()
    const long: LongRead = {
      add(more) {
        records += more
      },
      end(how) {
        if (!open.delete(long)) return
        clearInterval(timer)
        write(how)
      },
    }
    open.add(long)
    return long
  }

  return {
    async once(principal, what, records, asked) {
      note('read', facts(principal, what, asked, { records }))
      await noted()
    },
    begin,
    async together(principal, what) {
      const key = JSON.stringify([principal.by, principal.name, what])
      let kind = kinds.get(key)
      if (kind === undefined) {
        const read = begin(principal, what)
        const forget = () => {
          clearTimeout(kinds.get(key)?.timer)
          kinds.delete(key)
          read.then((long) => long.end('ends')).catch(() => {})
        }
        kind = { read, timer: setTimeout(forget, minuteMs).unref() }
        kinds.set(key, kind)
        read.catch(forget)
      }
      const long = await kind.read
      long.add(1)
    },
    close() {
      for (const { timer } of kinds.values()) clearTimeout(timer)
      for (const read of open) read.end('the gateway stops')
    },
  }
}
