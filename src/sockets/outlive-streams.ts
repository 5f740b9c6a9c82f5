/**
 * Keeps the memory of an HTTP/2 session until that of its streams is freed. Node frees both when it collects garbage, in any
 * order, and ends the process where a session comes first and a stream still holds fields that no one was told of
 * (`current_nghttp2_memory_ == 0`, as in CVE-2024-27983). Each caller can bring that about.
 */
import type { Http2Session } from 'node:http2'

export interface SessionKeeper {
  /** Call it with each session as soon as there is one. */
  keep(session: Http2Session): KeptPart
}

export interface KeptPart {
  /**
   * A stream may hold such fields: it was reset, or its head was not valid. A session of which that was never said is let go of
   * when it ends: what is kept costs tens of kilobytes each.
   */
  suspect(): void
}

/** Node's own kind of a collection of the whole heap (`perf_hooks.constants.NODE_PERFORMANCE_GC_MAJOR`). */
const majorGc = 4
/** What could be freed when it began is, once a collection has ended; one that was under way when the session ended does not count. */
const collections = 2

/** One is enough for a process: its collections are of all that it has. */
export function createSessionKeeper(): SessionKeeper {
  /** By the native part of each session: how many collections it has still to outlive; `null` while it is open. */
  const kept = new Map<object, number | null>()
  let isWatching = false

  function watch(): void {
    isWatching = true
    const { PerformanceObserver } = process.getBuiltinModule('node:perf_hooks')
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries() as { detail?: { kind?: number } }[]) if (detail?.kind === majorGc) passed()
    }).observe({ entryTypes: ['gc'] })
  }

  function passed(): void {
    for (const [handle, left] of kept) {
      if (left === null) continue
      if (left > 1) kept.set(handle, left - 1)
      else kept.delete(handle)
    }
  }

  return {
    keep(session) {
      let isSuspect = false
      const begin = () => {
        const handle = nativePart(session)
        if (handle === null) return
        if (!isWatching) watch()
        kept.set(handle, null)
        session.once('close', () => {
          if (isSuspect) kept.set(handle, collections)
          else kept.delete(handle)
        })
      }
      // Of a client, there is none before its connection is made.
      if (session.connecting) session.once('connect', begin)
      else begin()
      const suspect = () => {
        isSuspect = true
      }
      session.once('error', suspect)
      return { suspect }
    },
  }
}

/** What JavaScript lets go of when a session ends. `null` where this version of Node calls it otherwise. */
function nativePart(session: Http2Session): object | null {
  const name = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle')
  const handle = name === undefined ? null : (session as unknown as Record<symbol, unknown>)[name]
  return typeof handle === 'object' ? handle : null
}
