/** `data` for the policy, in the form its memory takes: the whole of it, or of the manifests only the caller's own. */
import { totalmem } from 'node:os'
import { LRUCache } from 'lru-cache'
import type { Integration, JsonObject } from '../core/index.ts'
import { indexManifest } from '../manifests/index.ts'
import { createLoader, type Image, type Loader } from '../opa/index.ts'

/**
 * Where a policy looks at no manifest but the caller's (its plan shows it), each has an image of its own, made when it is
 * first asked for. Nothing then grows with the number of integrations, and a changed manifest costs its own image only.
 */
export interface Documents {
  readonly loader: Loader
  /** Bytes of the largest image so far. */
  readonly largest: () => number
  /** `undefined`: an integration that has no manifest (any more). */
  imageFor(integration: Integration | undefined): Image
  /** Others are not in force any more: what was made for them goes. */
  retain(integrations: readonly Integration[]): void
  /** The same as JSON, for an evaluator of another make: at least these integrations. `null`: larger than such a one is given. */
  textFor(integrations: readonly Integration[]): string | null
}

/** Some 55 KB for a manifest of twenty capabilities: with 8 GiB ten thousand callers at work find theirs here. */
const maxKeptBytes = 640 * 1024 * 1024
/** No more than this share of what the process may have, by its container's limit or the machine. */
const maxShare = 1 / 8

function maxBytesOf(constrained: number, total: number): number {
  // 0, or more than there is: nothing limits it.
  return Math.min(maxKeptBytes, maxShare * (constrained > 0 ? Math.min(constrained, total) : total))
}

const maxTextCharacters = 16 * 1024 * 1024

/** `shared`: documents beside `data.integrations`, which each image holds again. Throws on data that the policy's memory cannot hold. */
export function createOwnDocuments(module: WebAssembly.Module, shared: JsonObject): Documents {
  const loader = createLoader(module)
  const members = Object.entries(shared).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)},`)
  const textOf = (integrations: string) => `{${members.join('')}"integrations":{${integrations}}}`
  const memberOf = (integration: Integration) => `${JSON.stringify(integration.name)}:${JSON.stringify(indexManifest(integration))}`
  const compose = (integrations: string) => loader.load(textOf(integrations))
  const none = compose('')
  let largest = none.bytes.byteLength
  const images = new LRUCache<Integration, Image>({
    maxSize: maxBytesOf(process.constrainedMemory(), totalmem()),
    sizeCalculation: ({ bytes }) => bytes.byteLength + 512,
  })
  return {
    loader,
    largest: () => largest,
    imageFor(integration) {
      if (integration === undefined) return none
      const known = images.get(integration)
      if (known !== undefined) return known
      const image = compose(memberOf(integration))
      largest = Math.max(largest, image.bytes.byteLength)
      images.set(integration, image)
      return image
    },
    retain(integrations) {
      const present = new Set(integrations)
      for (const integration of [...images.keys()]) if (!present.has(integration)) images.delete(integration)
    },
    textFor: (integrations) => textOf(integrations.map(memberOf).join()),
  }
}

/** One image with every manifest in it, for policies that compare integrations with one another. */
export function createWholeDocuments(module: WebAssembly.Module, shared: JsonObject, integrations: readonly Integration[]): Documents {
  return createPlainDocuments(module, wholeData(shared, integrations))
}

/** `data` as a policy sees it that looks at every manifest. */
export function wholeData(shared: JsonObject, integrations: readonly Integration[]): JsonObject {
  const all = Object.fromEntries(integrations.map((integration) => [integration.name, indexManifest(integration)]))
  return { ...shared, integrations: all }
}

/** One image of `data` as it is. */
export function createPlainDocuments(module: WebAssembly.Module, data: JsonObject): Documents {
  const loader = createLoader(module)
  const text = JSON.stringify(data)
  const image = loader.load(text)
  const kept = text.length <= maxTextCharacters ? text : null
  return { loader, largest: () => image.bytes.byteLength, imageFor: () => image, retain: () => {}, textFor: () => kept }
}
