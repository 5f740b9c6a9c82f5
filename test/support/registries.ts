/** Small registries of npm, Python and Cargo, each with one package `greeting` of some megabytes, as paths and what lies there. */
import { createHash, hash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleOf } from './bundles.ts'
import { command } from './command.ts'

/** Path → content, below `base`. */
export type Published = ReadonlyMap<string, string | Uint8Array>

const version = '1.0.0'
/** Does not get smaller: what is downloaded is as large. */
export const ballast = randomBytes(2 * 1024 * 1024)

/** In the scope `@acme`; clients ask for it with the slash encoded. */
export async function npmRegistry(base: string): Promise<Published> {
  const name = '@acme/greeting'
  const archive = await bundleOf({ 'package/package.json': { name, version }, 'package/ballast': ballast })
  const dist = {
    tarball: `${base}/npm/${name}/-/greeting-${version}.tgz`,
    integrity: `sha512-${createHash('sha512').update(archive).digest('base64')}`,
  }
  const metadata = { name, 'dist-tags': { latest: version }, versions: { [version]: { name, version, dist } } }
  return new Map<string, string | Uint8Array>([
    ['/npm/@acme%2Fgreeting', JSON.stringify(metadata)],
    [`/npm/${name}/-/greeting-${version}.tgz`, archive],
  ])
}

/** PEP 503, with a wheel, so that nothing has to be built. Python writes its archive, in `folder`. */
export async function pythonIndex(folder: string): Promise<Published> {
  const wheel = `greeting-${version}-py3-none-any.whl`
  const info = `greeting-${version}.dist-info`
  const work = join(folder, 'wheel')
  mkdirSync(join(work, info), { recursive: true })
  writeFileSync(join(work, 'greeting.py'), 'TEXT = "hello"\n')
  writeFileSync(join(work, 'greeting.dat'), ballast)
  writeFileSync(join(work, info, 'METADATA'), `Metadata-Version: 2.1\nName: greeting\nVersion: ${version}\n`)
  writeFileSync(join(work, info, 'WHEEL'), 'Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
  writeFileSync(
    join(work, info, 'RECORD'),
    ['greeting.py', 'greeting.dat', ...['METADATA', 'WHEEL', 'RECORD'].map((name) => `${info}/${name}`)]
      .map((name) => `${name},,\n`)
      .join(''),
  )
  const { code, stderr } = await command('python3', ['-m', 'zipfile', '-c', wheel, 'greeting.py', 'greeting.dat', info], { cwd: work })
  if (code !== 0) throw new Error(stderr)
  const content = readFileSync(join(work, wheel))
  return new Map<string, string | Uint8Array>([
    ['/pip/simple/greeting/', `<a href="/pip/files/${wheel}#sha256=${hash('sha256', content)}">${wheel}</a>`],
    [`/pip/files/${wheel}`, content],
  ])
}

/** A sparse index. */
export async function cargoRegistry(base: string): Promise<Published> {
  const crate = await bundleOf({
    [`greeting-${version}/Cargo.toml`]: `[package]\nname = "greeting"\nversion = "${version}"\nedition = "2021"\n`,
    [`greeting-${version}/src/lib.rs`]: '',
    [`greeting-${version}/ballast`]: ballast,
  })
  const entry = { name: 'greeting', vers: version, deps: [], cksum: hash('sha256', crate), features: {}, yanked: false }
  return new Map<string, string | Uint8Array>([
    ['/cargo/config.json', JSON.stringify({ dl: `${base}/cargo/crates` })],
    ['/cargo/gr/ee/greeting', `${JSON.stringify(entry)}\n`],
    [`/cargo/crates/greeting/${version}/download`, crate],
  ])
}
