/** Whether a URL leads to this machine, so that nobody else on a network can read or change what travels. */

/** `hostname`: of a `URL`, which has addresses in one form and lower case. A name that only begins like an address is none. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}
