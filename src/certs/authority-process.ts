/** A process of the gateway's start: prints the CAs that this machine trusts and, given a start date, a new CA for the gateway (`StartupAnswer`, JSON). */
import { trustedRoots } from '../sockets/index.ts'
import type { StartupAnswer } from './startup-process.ts'

const [fromMs] = process.argv.slice(2)
const made = fromMs === undefined ? null : await (await import('./issue.ts')).makeAuthority(Number(fromMs))
process.stdout.write(JSON.stringify({ roots: trustedRoots(), made } satisfies StartupAnswer))
