/** Manifests as values: what an integration of a test may do, in the words of the manifest's own schema. */
import { hash } from 'node:crypto'
import { stringify } from 'yaml'
import type { ManifestSource } from '../../src/manifests/schema.ts'

export type NetworkSource = NonNullable<ManifestSource['network']>[number]
export type ServiceSource = NonNullable<ManifestSource['services']>[number]

/** The YAML of a manifest: of `weather` unless it names another, whose token is `<name>-token`. */
export function grant({ name = 'weather', ...granted }: Partial<Omit<ManifestSource, 'apiVersion' | 'kind'>> = {}): string {
  const identity = { tokens: [{ sha256: hash('sha256', `${name}-token`) }] }
  // Without anchors: a value that stands in two places is written twice, as people write it.
  return stringify(
    { apiVersion: 'sallyport/v1', kind: 'Integration', name, owner: 'tests', identity, ...granted },
    { aliasDuplicateObjects: false },
  )
}

/** A capability for an origin on this machine: anything in plain HTTP unless `more` says otherwise. */
export function toLocalhost(port: number, more: Partial<NetworkSource> = {}): NetworkSource {
  return { hosts: ['localhost'], ports: [port], tls: 'none', addresses: ['127.0.0.0/8', '::1/128'], ...more }
}
