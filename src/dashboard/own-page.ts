/** Whether a request comes from a page of the dashboard itself: its host is one of ours (DNS rebinding), and so is the page that asks (CSRF). */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

export interface OwnPageOptions {
  readonly scheme: 'http' | 'https'
  /** Names under which browsers reach it, besides addresses and `localhost`. */
  readonly hosts: readonly string[]
}

/** What is wrong with the request; `null` where nothing is. */
export type OwnPage = (req: IncomingMessage) => string | null

/** An address cannot be made to mean another machine, and `localhost` is this one (RFC 6761); every other name has to be known. */
export function createOwnPage({ scheme, hosts }: OwnPageOptions): OwnPage {
  const known = new Set(['localhost', ...hosts.map((host) => host.toLowerCase())])

  return ({ headers }) => {
    const { host = '', origin } = headers
    const parsed = URL.canParse(`${scheme}://${host}`) ? new URL(`${scheme}://${host}`) : null
    const name = parsed?.hostname.replace(/^\[|\]$/g, '') ?? ''
    if (parsed === null || (isIP(name) === 0 && !known.has(name)))
      return 'the dashboard does not know this host: its names are in admin.tcp.dashboard.hosts'
    if (origin !== undefined && origin !== parsed.origin) return 'a page of another origin has no business here'
    const site = headers['sec-fetch-site']
    // `none`: somebody has typed the address or followed a link from another program.
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'a page of another origin has no business here'
    return null
  }
}
