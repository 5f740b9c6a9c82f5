/**
 * A process of the gateway's start (`StartupQuestion`, JSON, in its words): prints the CAs that this machine trusts, a truststore of
 * them and the gateway's and, where it is asked to, a new CA for the gateway (`StartupAnswer`, JSON).
 */
import { trustedRoots } from '../sockets/index.ts'
import type { StartupAnswer, StartupQuestion } from './startup-process.ts'
import { trustMaterial } from './truststore.ts'

const { fromMs, authorities } = JSON.parse(process.argv[2] ?? '') as StartupQuestion
const made = fromMs === null ? null : await (await import('./issue.ts')).makeAuthority(fromMs)
const material = trustMaterial(trustedRoots(), made === null ? authorities : [made.certificate])
process.stdout.write(JSON.stringify({ ...material, made } satisfies StartupAnswer))
