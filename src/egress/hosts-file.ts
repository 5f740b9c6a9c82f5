/** Names that need no name server: those of the machine's hosts file (hosts(5)), and localhost (RFC 6761 §6.3). */
import type { LookupAddress } from 'node:dns'
import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'

/** The addresses of a canonical name, or `null` where a name server has to be asked. */
export type LocalNames = (name: string) => readonly LookupAddress[] | null

const loopback: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/** Reads the file again when it has changed. One that cannot be read has no names. */
export function createLocalNames(path = '/etc/hosts'): LocalNames {
  let version = ''
  let names: ReadonlyMap<string, readonly LookupAddress[]> = new Map()

  function refresh(): void {
    const found = statSync(path, { throwIfNoEntry: false })
    const seen = found === undefined ? 'none' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
    if (seen === version) return
    names = found === undefined ? new Map() : readNames(readFileSync(path, 'utf8'))
    version = seen
  }

  return (name) => {
    try {
      refresh()
    } catch {
      names = new Map()
      version = ''
    }
    return names.get(name) ?? (name === 'localhost' || name.endsWith('.localhost') ? loopback : null)
  }
}

function readNames(text: string): Map<string, LookupAddress[]> {
  const names = new Map<string, LookupAddress[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/)
    const family = isIP(address)
    // An address with a zone is an interface's, and no destination.
    if (family === 0 || address.includes('%')) continue
    for (const alias of aliases) {
      const name = alias.toLowerCase().replace(/\.$/, '')
      const known = names.get(name) ?? []
      if (!known.some((entry) => entry.address === address)) known.push({ address, family })
      names.set(name, known)
    }
  }
  return names
}
