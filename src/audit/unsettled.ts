/** Decisions that an earlier run never settled: its crash is the reason, and their ids are the evidence. */

export interface Unsettled {
  /** The beginning of a record, as far as its id. */
  take(record: string): void
  ids(): readonly string[]
}

const head = /"type":"([a-z-]+)"(?:,"id":"([^"]+)")?/

export function createUnsettled(): Unsettled {
  const open = new Set<string>()
  return {
    take(record) {
      const [, type, id] = head.exec(record) ?? []
      if (type === 'started' || type === 'stopped') open.clear()
      else if (type === 'decided' && id !== undefined) open.add(id)
      else if (type === 'settled' && id !== undefined) open.delete(id)
    },
    ids: () => [...open],
  }
}
