/** Paths where `/v1/**` is allowed: what each is answered with by whatever door, and where it arrives. */

const served: readonly (readonly [string, string])[] = [
  ['/v1/a', '/v1/a'],
  ['/v1/a/', '/v1/a/'],
  ['/%76%31/%61?x=%2e%2e/', '/v1/a?x=%2e%2e/'],
  ['/v1/a%3f%23', '/v1/a%3F%23'],
  ['/v1/a;x=1', '/v1/a;x=1'],
  ['/v1/...', '/v1/...'],
  ['/./v1/./a', '/v1/a'],
  ['/v1/.', '/v1/'],
]
const denied = ['/admin/.', '/V1/a', '/admin', '/v1']
const refused = [
  '/v1/../admin',
  '/v1/%2e%2e/admin',
  '/v1/.%2E/admin',
  '/v1/..;/admin',
  '/v1/..;x=1/admin',
  '/v1/%2e%2e%3bx/admin',
  '/v1/%2e/a',
  '/v1/./../admin',
  '/v1//a',
  '//v1/a',
  '/v1/a%2fb',
  '/v1/a%5Cb',
  '/v1/a\\b',
  '/v1/a#b',
  '/v1/a?b#c',
  '/v1/a%00',
  '/v1/a%0d%0a',
  '/v1/%c0%ae%c0%ae/admin',
  '/v1/a%u002e',
  '/v1/a%',
  '/v1/\xe9',
]

export interface PathCase {
  readonly path: string
  readonly status: 200 | 403 | 400
  /** Path and query at the origin, where it is served. */
  readonly arrives?: string
}

export const pathCases: readonly PathCase[] = [
  ...served.map(([path, arrives]) => ({ path, status: 200, arrives }) as const),
  ...denied.map((path) => ({ path, status: 403 }) as const),
  ...refused.map((path) => ({ path, status: 400 }) as const),
]
