/** The state of a bundle, in the words of OPA's status service. */

/** Times are ISO 8601, UTC; `null`: not yet. */
export interface BundleStatus {
  readonly name: string
  /** Of the active bundle; `null` where none is. */
  readonly activeRevision: string | null
  readonly lastRequest: string | null
  readonly lastSuccessfulRequest: string | null
  readonly lastSuccessfulDownload: string | null
  readonly lastSuccessfulActivation: string | null
  /** Bytes of the last download. */
  readonly size: number | null
  readonly type: 'snapshot' | 'delta' | null
  /** What is wrong; all of these are cleared once it has recovered. */
  readonly code: 'bundle_error' | null
  readonly message: string | null
  readonly errors: readonly string[]
  readonly httpCode: number | null
}

/** Before the first try. */
export function initialStatus(name: string): BundleStatus {
  return {
    name,
    activeRevision: null,
    lastRequest: null,
    lastSuccessfulRequest: null,
    lastSuccessfulDownload: null,
    lastSuccessfulActivation: null,
    size: null,
    type: null,
    code: null,
    message: null,
    errors: [],
    httpCode: null,
  }
}

export interface StatusKeeper {
  read(): BundleStatus
  set(changes: Partial<BundleStatus>): void
  failed(message: string, httpCode?: number | null): void
  recovered(): void
}

/** `onTried`: a try has ended, well or badly. */
export function createStatus(name: string, onTried: () => void): StatusKeeper {
  let status = initialStatus(name)
  const set = (changes: Partial<BundleStatus>) => {
    status = { ...status, ...changes }
  }
  return {
    read: () => status,
    set,
    failed(message, httpCode = null) {
      set({ code: 'bundle_error', message, errors: message.split('\n'), httpCode })
      onTried()
    },
    recovered() {
      set({ code: null, message: null, errors: [], httpCode: null })
      onTried()
    },
  }
}

export function now(): string {
  return new Date().toISOString()
}
