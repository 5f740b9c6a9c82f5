/** A suggested manifest as YAML: every value by the YAML library, every comment of words and numbers alone. */
import { Document, isCollection, isMap, isSeq, type Node } from 'yaml'
import { choicesFor } from '../../canonical/index.ts'
import type { Suggested } from './combine.ts'
import type { Observed } from './observe.ts'
import { describeSeen } from './seen.ts'

export interface Present {
  /** What the present manifest says of itself and suggest does not touch: owner, labels, identity, limits, breaker, redaction, denials. */
  readonly kept: Readonly<Record<string, unknown>>
  /** Root by name, as it is written there. */
  readonly roots: ReadonlyMap<string, string>
}

/** Opens nothing: a placeholder where no manifest says which folder a name means. */
const unknownRoot = '/nonexistent'

export function writeManifest(
  name: string,
  { kept, roots }: Present,
  capabilities: readonly Suggested[],
  { total, left }: Observed,
): string {
  const of = (kind: Suggested['kind']) => capabilities.filter((capability) => capability.kind === kind)
  const sections = { network: of('network'), services: of('services'), files: of('files') }
  const document = new Document(
    {
      apiVersion: 'sallyport/v1',
      kind: 'Integration',
      name,
      ...kept,
      ...(sections.network.length > 0 && { network: sections.network.map(networkLine) }),
      ...(sections.services.length > 0 && { services: sections.services.map(serviceLine) }),
      ...(sections.files.length > 0 && { files: sections.files.map((file) => fileLine(file, roots)) }),
    },
    // Equal lists are written out, since anchors are hard to review.
    { aliasDuplicateObjects: false },
  )
  document.commentBefore = heading(name, total === null ? null : describeSeen(total), left)
  for (const [key, list] of Object.entries(sections)) {
    const lines = document.get(key)
    if (isSeq(lines)) for (const [index, line] of lines.items.entries()) annotate(line as Node, list[index] as Suggested, roots)
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

function heading(name: string, seen: string | null, left: ReadonlyMap<string, number>): string {
  return [
    ` Suggested by "sallyport policy suggest ${name}" from ${seen ?? 'no request'}.`,
    ' What was asked for is not always what should be allowed: review each capability, then take its comment away.',
    ...[...left].map(([why, count]) => ` Not covered: ${count} request${count === 1 ? '' : 's'}: ${why}.`),
  ].join('\n')
}

function annotate(line: Node, capability: Suggested, roots: ReadonlyMap<string, string>): void {
  const notes = [describeSeen(capability.seen)]
  if (capability.tls === 'tunnel') notes.push('no request inside was seen: methods and paths would open TLS and judge each')
  if (capability.addresses.length > 0) notes.push('addresses as in the present manifest')
  if (capability.kind === 'files' && !roots.has(capability.names[0] ?? '')) notes.push('no manifest says which folder this is: set root')
  line.commentBefore = ` review: ${notes.join('; ')}`
  if (isMap(line)) for (const { key, value } of line.items) if (String(key) !== 'paths' && isCollection(value)) value.flow = true
}

function networkLine({ names, ports, actions, paths, tls, websocket, addresses }: Suggested): object {
  return {
    hosts: names,
    ports,
    tls,
    ...(actions !== null && { methods: actions }),
    ...(paths !== null && { paths, ...choicesFor(paths) }),
    ...(websocket && { websocket }),
    ...(addresses.length > 0 && { addresses }),
  }
}

function serviceLine({ names, actions, paths, websocket }: Suggested): object {
  return { name: names[0], methods: actions, paths, ...choicesFor(paths ?? []), ...(websocket && { websocket }) }
}

function fileLine({ names, actions, paths }: Suggested, roots: ReadonlyMap<string, string>): object {
  return { name: names[0], root: roots.get(names[0] ?? '') ?? unknownRoot, actions, paths }
}
