/** Name resolution for names in the configuration, such as policy servers: it blocks no thread while a server does not answer. */
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { createResolveName } from './resolve.ts'

/** A lookup whose server says nothing is given up. */
const timeoutMs = 5000

/**
 * For `net.connect`. As for destinations; a name that does not exist as an absolute one is then looked up as the system
 * does it, with search domains: this name is not judged, and the operator may mean a short one.
 */
export function createOperatorLookup(): LookupFunction {
  const resolve = createResolveName({ servers: [] })
  return (hostname, options, done) => {
    resolve(hostname.toLowerCase().replace(/\.$/, ''), 'operator', AbortSignal.timeout(timeoutMs)).then(
      (found) => {
        const first = found[0]
        if (options.all === true) done(null, [...found])
        else if (first !== undefined) done(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) =>
        error.code === 'ENOTFOUND' || error.code === 'ENODATA' ? lookup(hostname, options, done) : done(error, ''),
    )
  }
}
