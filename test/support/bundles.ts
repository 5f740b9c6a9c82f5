/** Bundles for tests: archives from plain values, and what a reader says of them. */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { packTar, type TarHeader } from 'modern-tar'
import type { Bundle } from '../../src/bundles/format/bundle.ts'
import { BundleError, readBundle, type SnapshotBundle, type Verification } from '../../src/bundles/index.ts'

export const origin = 'https://bundles.example/acme.tar.gz'

export type Files = Readonly<Record<string, string | Uint8Array | object>>

/** Values that are no text become JSON. */
export async function tarOf(files: Files, headers: Readonly<Record<string, Partial<TarHeader>>> = {}): Promise<Uint8Array> {
  return packTar(
    Object.entries(files).map(([name, content]) => {
      const body = typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content)
      return { header: { name, size: Buffer.byteLength(body), ...headers[name] }, body }
    }),
  )
}

export async function bundleOf(files: Files): Promise<Uint8Array> {
  return gzipSync(await tarOf(files))
}

export async function readFiles(files: Files, verification: Verification | null = null): Promise<SnapshotBundle> {
  return snapshotOf(await readBundle(await bundleOf(files), { origin, verification }))
}

export function snapshotOf(bundle: Bundle): SnapshotBundle {
  assert.equal(bundle.kind, 'snapshot')
  return bundle as SnapshotBundle
}

/** The line of the `BundleError` that `read` must reject with, without its origin. */
export async function refusalOf(read: Promise<unknown>): Promise<string> {
  const error = await read.then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof BundleError, String((error as Error).stack))
  assert.doesNotMatch(error.message, /\n/)
  assert.ok(error.message.startsWith(`${error.origin}: `), error.message)
  return error.message.slice(error.origin.length + 2)
}
