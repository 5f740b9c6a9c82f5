/** A folder as Kubernetes' atomic writer lays it out: a version in a folder, `..data` that leads to it, and plain names that lead through that. */
import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface ConfigMap {
  /** The next version takes the place of the one before at once. Names of a version: `a.rego`, `sub/a.rego`. */
  publish(files: Readonly<Record<string, string>>): void
}

export function createConfigMap(folder: string): ConfigMap {
  mkdirSync(folder, { recursive: true })
  let versions = 0
  let shown = new Set<string>()
  return {
    publish(files) {
      versions += 1
      const version = `..2025_11_26_10_00_${String(versions).padStart(2, '0')}.${versions}`
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, version, name)), { recursive: true })
        writeFileSync(join(folder, version, name), text)
      }
      const data = join(folder, '..data')
      const before = versions === 1 ? null : readlinkSync(data)
      symlinkSync(version, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), data)
      const tops = new Set(Object.keys(files).map((name) => name.split('/')[0] ?? ''))
      for (const name of tops) if (!shown.has(name)) symlinkSync(join('..data', name), join(folder, name))
      for (const name of shown) if (!tops.has(name) && lstatSync(join(folder, name)).isSymbolicLink()) rmSync(join(folder, name))
      shown = tops
      if (before !== null) rmSync(join(folder, before), { recursive: true })
    },
  }
}
