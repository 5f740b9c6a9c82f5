/** The integration that drills are made with: its manifest, and its token, which is kept in the state folder. */
import { hash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { CommandError } from '../exit.ts'

/** It stands in each record and alert of a drill: this is no attack. */
export const drillName = 'sallyport-drill'
export const drillPath = '/sallyport-drill'
/** Where the command's own origin listens: a port per run, so that a destination can be new. */
export const drillPorts = Array.from({ length: 64 }, (_, index) => 28_701 + index)

/** Made where there is none. Throws `CommandError` where the state folder cannot be written. */
export function createToken(file: string): string {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw new CommandError(`the token of drills cannot be kept in ${file}: ${code}`)
  }
  return readToken(file) ?? ''
}

/** `null`: none was made. */
export function readToken(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new CommandError(`the token of drills cannot be read: ${(error as Error).message}`)
  }
}

/** YAML. It may reach nothing but the command that makes the drill, on this machine. */
export function drillManifest(token: string): string {
  return `# Drills: "sallyport drill exfiltration | beacon | flood" sends harmless requests of this integration to itself.
# It may reach nothing but these ports of this machine. Remove this file, and it may do nothing.
apiVersion: sallyport/v1
kind: Integration
name: ${drillName}
owner: drills
labels: { drill: "true" }

identity:
  tokens:
    - sha256: ${hash('sha256', token)}

network:
  - hosts: [127.0.0.1]
    ports: [${drillPorts.join(', ')}]
    tls: none
    methods: [GET, POST]
    paths: [${drillPath}/**]
    addresses: [127.0.0.1/32]

limits:
  arrivals: { rate: 1000/s, burst: 5000 }
  requests: { rate: 1000/s, burst: 5000 }
  bytesOut: { rate: 100MB/s, burst: 100MB }
`
}
