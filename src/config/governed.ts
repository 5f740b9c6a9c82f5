/** An integration can never read or change what governs it: no root of files may hold the gateway's own folders, or lie in them. */
import { realpathSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { FileCapability } from '../core/index.ts'
import type { Config } from './config.ts'

/** The place of each offending root in `files`, and why. Looks at where links lead now; roots that are not there yet count as written. */
export function governingRoots(config: Config, files: readonly FileCapability[]): readonly { index: number; message: string }[] {
  if (files.length === 0) return []
  const { rulesFolder, shadow, bundles } = config.policy
  const rules = [rulesFolder, shadow?.rulesFolder].filter((folder) => folder != null)
  const local = bundles.flatMap(({ place }) => (place.kind === 'server' ? [] : [place.path]))
  // Below these nothing may be opened; manifests are read from the folder itself only.
  const whole = [config.state.folder, config.audit.folder, ...rules, ...local]
  const trust = config.http.originCaFile === null ? [] : [config.http.originCaFile]
  const own = [...whole, config.integrationsFolder, config.admin.socketPath, config.file, ...trust].map(resolved)
  const closed = whole.map(resolved)
  return files.flatMap(({ root }, index) => {
    const real = resolved(root)
    const held = own.find((folder) => isWithin(folder, real)) ?? closed.find((folder) => isWithin(real, folder))
    return held === undefined ? [] : [{ index, message: `opens ${held}, which is the gateway’s own` }]
  })
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`)
}

/** Links of the part that exists are followed. */
function resolved(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(resolved(parent), basename(path))
  }
}
