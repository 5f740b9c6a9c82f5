/** The smallest change of a manifest that lets a request pass: one capability for it alone. */
import { parse, parseDocument } from 'yaml'
import { hostCovers } from '../canonical/index.ts'
import type { AccessRequest, Integration, JsonObject } from '../core/index.ts'
import { suggestion } from '../manifests/index.ts'

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
