/** Why a recorded request was decided as it was, how it would be decided now, and the smallest change that would let it pass. */

import { parse, parseDocument } from 'yaml'
import type { BundleSet } from '../bundles/index.ts'
import { hostCovers } from '../canonical/index.ts'
import type { AccessRequest, Decision, Integration, JsonObject } from '../core/index.ts'
import { suggestion } from '../manifests/index.ts'
import type { Compile, RegoSources } from '../opa/index.ts'
import { compose, type DecidedRecord, type Find, requestOf, type Undecided } from '../policy/index.ts'
import { type HeldRules, rulesThatHeld } from './held-rules.ts'
import { type DecideRecorded, isUndecided } from './replay.ts'

export interface Explanation extends HeldRules {
  readonly record: DecidedRecord
  /** As the manifests and rules are on disk now. */
  readonly now: Decision | Undecided
  /** Of the rules on disk, where these decide now, or may. */
  readonly rulesNow: HeldRules
}

interface RulesInForce {
  readonly rules: RegoSources
  readonly bundles: BundleSet
  readonly find: Find
}

export interface ExplainOptions {
  readonly compile: Compile
  /** Functions that reach out of the policy and may be called nevertheless. */
  readonly grants: readonly string[]
  /** Of the revision that decided, where it is kept. */
  readonly recorded: RulesInForce
  readonly now: RulesInForce & { readonly decide: DecideRecorded }
}

export async function explainRecord(record: DecidedRecord, { compile, grants, recorded, now }: ExplainOptions): Promise<Explanation> {
  const asked = requestOf(record, now.find)
  const decision = now.decide(asked)
  const rulesOf = ({ rules, bundles, find }: RulesInForce) =>
    rulesThatHeld(compile, grants, {
      record,
      recorded: asked,
      composed: compose({ integrations: [], rules, bundles }),
      integration: find(record.integration),
    })
  const then = await rulesOf(recorded)
  const byRules = isUndecided(decision) || decision.rule.startsWith('rules/')
  return { record, now: decision, ...then, rulesNow: byRules ? await rulesOf(now) : { held: [], undecided: [] } }
}

/** The list of the manifest → the capability to add to it. */
export type Addition = Readonly<Record<string, readonly JsonObject[]>>

/** `text` is the present manifest. `null`: every manifest allows this already, or none can. */
export function smallestChange(request: AccessRequest, text: string): Addition | null {
  const { add } = suggestion(request)
  if (add === undefined) return null
  const [[list, [capability = {}]] = ['', []]] = Object.entries(add as Addition)
  if (list === 'files') return { files: [{ ...capability, root: rootOf(text, String(capability['name'])) }] }
  const addresses = list === 'network' ? addressesFor(request.integration, String((capability['hosts'] as string[])[0])) : []
  return { [list]: [addresses.length === 0 ? capability : { ...capability, addresses }] }
}

/** The manifest with it, its comments kept. */
export function withAddition(text: string, addition: Addition): string {
  const document = parseDocument(text)
  for (const [list, capabilities] of Object.entries(addition))
    for (const capability of capabilities) {
      if (document.has(list)) document.addIn([list], document.createNode(capability))
      else document.set(list, document.createNode([capability]))
    }
  return document.toString({ lineWidth: 0 })
}

/** Where no capability has the name, only the author knows which folder is meant. */
const unknownRoot = '/nonexistent'

/** As it is written: one name cannot mean two roots. */
function rootOf(text: string, name: string): string {
  const { files = [] } = parse(text) as { files?: readonly { name: string; root: string }[] }
  return files.find((file) => file.name === name)?.root ?? unknownRoot
}

/**
 * Blocks outside the public internet that the manifest opens for this host already: without them the request would be
 * allowed and then not be dialled. The log does not say where a name led.
 */
export function addressesFor({ network = [] }: Pick<Integration, 'network'>, host: string): readonly string[] {
  const covering = network.filter(({ hosts }) => hosts.some((pattern) => hostCovers(pattern, host)))
  return [...new Set(covering.flatMap(({ addresses }) => addresses))].sort()
}
