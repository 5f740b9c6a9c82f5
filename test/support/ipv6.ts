/** Whether this machine has the IPv6 loopback address. */
import { connect } from './sockets.ts'

export function hasIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    // Refused means that the address is there.
    const probe = connect(1, '::1').on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
    probe.once('connect', () => resolve(true))
  })
}
