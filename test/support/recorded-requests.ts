/** Recorded requests as a gateway could have recorded them: canonical, and as odd as that allows. */
import fc from 'fast-check'
import { recordOf } from './judge.ts'

const word = fc.constantFrom('items', 'users', 'new', 'v1', 'a.json', 'index.html', 'export', 'search')
const id = fc.oneof(
  fc.nat().map(String),
  fc.uuid(),
  fc.constantFrom('2026-01-31', 'deadbeef01', 'inv_8f31c2d90b', '17.png', 'Zm9vYmFyYmF6cXV4MTIz', '01ARZ3NDEKTSV4RRFFQ69G5FAV'),
)
/** What a canonical path can hold and YAML, globs or reviewers stumble over. */
const odd = fc.constantFrom(
  '*',
  '**',
  '***',
  '{a}',
  '[1].json',
  "'",
  '"',
  '%22',
  '%20',
  'null',
  '~',
  '-',
  '&a',
  '!!str',
  'a:b',
  '@x',
  '|',
  '`',
  '%E2%82%AC',
  '@types%2Fnode',
  'x%2F17',
  '{a}%2Fb',
  '%2F%2F',
  '',
)
export const segmentArbitrary = fc.oneof(
  { weight: 5, arbitrary: word },
  { weight: 4, arbitrary: id },
  { weight: 1, arbitrary: odd },
  fc.constantFrom('x', 'y'),
)
const withSlash = fc
  .tuple(fc.array(segmentArbitrary, { maxLength: 4 }), fc.boolean())
  .map(([all, slash]) => `/${all.join('/')}${slash && all.length > 0 ? '/' : ''}`)
/** `*` is of OPTIONS of a whole server. */
const path = fc.oneof({ weight: 20, arbitrary: withSlash }, { weight: 1, arbitrary: fc.constant('*') })
const fileOdd = fc.constantFrom('a%2Fb', 'a b', '# x', 'é', ': ', 'key: [', '\u202e', '\u2028x', '{}', '?', '-')
const filePath = fc.array(fc.oneof(word, id, fileOdd), { maxLength: 3 }).map((all) => all.join('/'))
const host = fc.constantFrom('api.example.com', 'b.example.com', 'x.test', '10.0.0.1', 'fd00::1')
export const methodArbitrary = fc.constantFrom('GET', 'POST', 'M-SEARCH')
const port = fc.constantFrom(80, 443, 8443)
const query = fc.constantFrom('', 'q=a', 'q=b&page=a', 'page=b', 'q=a&q=b', 'q=a&Q=b', 'page=a;q=a')

const asked = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('http' as const),
      action: methodArbitrary,
      scheme: fc.constantFrom('http', 'https'),
      host,
      port,
      path,
      query,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('tunnel' as const), action: fc.constant('CONNECT'), host, port }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('service' as const),
      action: methodArbitrary,
      name: fc.constantFrom('search', 'mail'),
      path,
      query,
      websocket: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('file' as const),
      action: fc.constantFrom('read', 'write', 'list', 'stat'),
      root: fc.constantFrom('data', 'out'),
      path: filePath,
    }),
  },
)
/** What `weather` asked, of every kind that a capability is for. */
export const recordArbitrary = fc.tuple(asked, fc.boolean()).map(([{ kind, action, ...subject }, allow]) => {
  const methods = kind === 'http' || kind === 'service' ? { method: action } : {}
  return recordOf({ kind, action, allow, subject: { ...subject, ...methods } })
})
