/** `sallyport policy suggest`: the smallest manifest that covers what an integration was recorded asking for. */
import { parse } from 'yaml'
import type { Integration } from '../../core/index.ts'
import type { DecidedRecord } from '../../policy/index.ts'
import { addressesFor } from '../explain.ts'
import { combine, type Suggested } from './combine.ts'
import { observe } from './observe.ts'
import type { Seen } from './seen.ts'
import { unitsOf } from './units.ts'
import { type Present, writeManifest } from './write.ts'

export interface SuggestOptions {
  readonly name: string
  /** What the integration has now: what it says beside capabilities is taken over. */
  readonly present: { readonly integration: Integration; readonly text: string } | null
  /** Used where there is no manifest yet. */
  readonly owner: string
  /** Up to so many different segments at one place of a path are kept; more become `*`. */
  readonly maxSiblings: number
}

export interface Suggestion {
  /** YAML of a manifest; nothing in it is text of the log that its schema would not let an author write. */
  readonly text: string
  readonly capabilities: readonly Suggested[]
  /** `null`: nothing was recorded. */
  readonly total: Seen | null
  /** Reason why a request is not covered → number of requests. */
  readonly left: ReadonlyMap<string, number>
}

/** `records` are the integration's own. */
export async function suggest(
  records: AsyncIterable<DecidedRecord> | Iterable<DecidedRecord>,
  { name, present, owner, maxSiblings }: SuggestOptions,
): Promise<Suggestion> {
  const observed = await observe(records)
  const addressesOf = (host: string) => (present === null ? [] : addressesFor(present.integration, host))
  const capabilities = combine(unitsOf(observed.uses, maxSiblings), addressesOf)
  const text = writeManifest(
    name,
    present === null ? { kept: { owner }, roots: new Map() } : presentOf(present.text),
    capabilities,
    observed,
  )
  return { text, capabilities, total: observed.total, left: observed.left }
}

/** The text was decoded before, so it is YAML of a manifest. */
function presentOf(text: string): Present {
  const {
    apiVersion: _version,
    kind: _kind,
    name: _name,
    network: _network,
    services: _services,
    files = [],
    ...kept
  } = parse(text) as Record<string, unknown>
  return { kept, roots: new Map((files as { name: string; root: string }[]).map((file) => [file.name, file.root])) }
}
