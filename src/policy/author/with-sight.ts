/** A bundle that says what its policy can look at, so that a gateway may trust its WebAssembly with less than everything. */
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { packTar, unpackTar } from 'modern-tar'
import { manifestFile } from '../bundle/index.ts'
import type { Sight } from '../compiler/index.ts'

/** `archive` is a bundle (gzip'd tar); its `.manifest` gets `metadata.sallyport`, which src/policy/prebuilt.ts reads. */
export async function withSight(archive: Uint8Array, sight: Sight): Promise<Buffer> {
  const entries = await unpackTar(gunzipSync(archive), { strict: true })
  const wasm = entries.find(({ header }) => header.name.endsWith('.wasm'))?.data ?? new Uint8Array()
  // What later tools put in the module's place would be looked at through its eyes.
  const sallyport = { sight, wasm: createHash('sha256').update(wasm).digest('hex') }
  const files = entries.map(({ header, data = new Uint8Array() }) => {
    if (header.name.replace(/^\/+/, '') !== manifestFile) return { header, body: data }
    const manifest = JSON.parse(Buffer.from(data).toString()) as { readonly metadata?: object }
    const body = JSON.stringify({ ...manifest, metadata: { ...manifest.metadata, sallyport } })
    return { header: { ...header, size: Buffer.byteLength(body) }, body }
  })
  return gzipSync(await packTar(files))
}
