/** What requests are made of: what every reader reads alike, and what readers may read differently. */

export type Fields = [string, string][]

export const segments = [
  ...['a', 'v1', 'b.c', '...', 'a~b', 'A', 'x;y=1', '@a', 'a:b', "!$&'()*+,=", '-', '_', 'a*b'],
  ...['%41', '%7e', '%7E', '%2D', '%c3%a9', '%C3%A9', '%20', 'a%3fb', 'a%3Fb', '%2B', '%25', '%252e', '%252F', '%26', '%3D', 'a%23b'],
  ...['%40', '%5B', '%F0%9F%98%80', '%3b', '%ff', '%E2%80%AE'],
]
export const hostileSegments = [
  ...['.', '..', '%2e', '%2E%2e', '.%2e', '..;', '..;x=1', '.;a', '%2e%2e%3b', '%2f', '%2F..%2F', 'a%2fb', '%2F%2e', '', '', '%5c', '\\'],
  ...[
    '%5C..',
    '%00',
    '\0',
    '%c0%ae',
    '%C0%AE%c0%ae',
    '%c0%af',
    '%e0%80%ae',
    '%f0%80%80%ae',
    '%u002e',
    '%',
    '%4',
    '%zz',
    '\xe9',
    '\xc0\xae',
  ],
  ...['a b', '\t', '#', '#a', 'a\rb', 'a\nb', '%0d%0a', '%09', '%7f', '|', '^', '`', '<x>', '"', '{}', '[1]', '%C3', '..%00', '*', 'http:'],
  ...['::$DATA', '..%3B', '%2e%2F', '...%2f', '.%00.', '%uff0e', '\u00ad', '\x85', '\xa0'],
]

export const queries = [
  '',
  'a=1',
  'a=1&b=2',
  'a',
  'a=',
  'a=%20&b=+',
  'q=%c3%a9',
  'a=b%26c&d',
  'x=1&x=2',
  'a[]=1&a[]=2',
  'p=/../x',
  'u=http://h/?x',
]
export const hostileQueries = [
  ...['?', '??a', 'a=1;b=2', '&&', '=', 'a=%', 'a=%zz', 'a=%00', 'a=%ff', 'a=\xe9', 'a=b c', '#', 'a#b', 'a=%0d%0ax', 'a="', "a='<x>"],
  ...['%61=1&a=2', 'a=1&A=2', '__proto__=1', 'a=%C0%AE', '=b', 'a==b', 'a=b?c', '\0', '%', 'a=%u0041', '+=+', '%2B=%2B', 'a=\\', 'a=|^`'],
  ...['a=%F0%9F', 'a=%ED%A0%80', '%ff=1&%fe=2', 'a=1&&b=2&', 'a%00=1', 'a=\t', '&=&', ';', 'a=1?b=2'],
]

export const methods = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']
export const hostileMethods = [
  ...['TRACE', 'QUERY', 'PROPFIND', 'M-SEARCH', 'PURGE', 'LINK', 'CONNECT', 'PRI', 'get', 'Get', 'X_Y', 'X.Y', 'G\tT', 'G\0', 'GE\xc9', ''],
  ...['A'.repeat(40), 'SOURCE', 'BREW', 'X-Y', '1GET', 'GET:', '"GET"'],
]

const named = (values: Readonly<Record<string, readonly string[]>>): Fields =>
  Object.entries(values).flatMap(([name, all]) => all.map((value): [string, string] => [name, value]))

export const fields = named({
  Accept: ['a/b'],
  accept: ['*/*;q=0.1'],
  'User-Agent': ['x (y; z)'],
  'X-Plain': ['one', ''],
  'x-plain': ['two'],
  Range: ['bytes=0-1'],
  Cookie: ['a=1', 'b=2; c=3'],
  cookie: [''],
  Referer: ['http://h/a?b'],
  'X-Bytes': ['\xe9\xff'],
  'X-Tab': ['a\tb'],
  'X-Long': ['l'.repeat(200)],
  'If-None-Match': ['"a", W/"b"'],
  'Content-Type': ['application/json', 'text/plain', 'application/x-www-form-urlencoded'],
  'Accept-Encoding': ['gzip, br'],
  'Content-Language': ['de'],
  'X-Comma': ['a, b,,c'],
  'X-Quote': ['"a\\"b'],
  Priority: ['u=1, i'],
})

/** Not by a key: it would be the prototype of the list. */
const prototype: Fields = [['__proto__', 'a']]

export const hostileFields = named({
  Connection: [
    'X-Plain',
    'close, x-plain, keep-alive',
    'te, X-Quote',
    ', ,',
    'cookie',
    'Content-Length',
    'Host',
    'authorization',
    'x\0',
    'close',
  ],
  'Keep-Alive': ['timeout=5'],
  'Proxy-Connection': ['close'],
  TE: ['trailers', 'gzip'],
  te: ['trailers, deflate;q=0.5', 'Trailers'],
  Trailer: ['X-Late'],
  Upgrade: ['h2c', 'websocket'],
  'HTTP2-Settings': ['AAMAAABk'],
  Expect: ['100-continue', 'magic'],
  'Max-Forwards': ['3', '0', 'x'],
  'X-Forwarded-For': ['1.2.3.4'],
  X_Forwarded_Host: ['evil'],
  'X-Original-URL': ['/admin'],
  'X-Rewrite-Url': ['/admin'],
  Forwarded: ['for=x'],
  'X-HTTP-Method-Override': ['DELETE'],
  'X-Method': ['PUT'],
  Via: ['1.1 x'],
  Proxy: ['http://evil'],
  'Client-IP': ['::1'],
  'X-Host': ['evil'],
  Content_Length: ['5'],
  Transfer_Encoding: ['chunked'],
  'Content-Length ': ['5'],
  'Content-Length': ['0', '3', '+3', '3, 3', '0x3', '-1', '\x0b3', '3\xa0', '18446744073709551619'],
  'content-length': [' 3', ''],
  'Content-Encoding': ['gzip', 'identity'],
  'Transfer-Encoding': [
    'identity',
    'chunked',
    'gzip, chunked',
    'chunked ',
    '\x0bchunked',
    'xchunked',
    'chunked;a=b',
    '"chunked"',
    '',
    'chunked,',
  ],
  'Transfer-encoding': ['CHUNKED'],
  Host: ['evil.example', 'a b'],
  host: [''],
  HOST: ['localhost, evil'],
  'X-\xe9': ['a'],
  'X Y': ['a'],
  'X\0': ['a'],
  'X-Nul': ['a\0b'],
  'X-Cr': ['a\rb'],
  'X-Lf': ['a\nX-Injected: b'],
  'X-CrLf': ['a\r\nX-Injected: b'],
  '': ['a'],
  ':path': ['/evil'],
  ':authority': ['evil'],
  '(x)': ['a'],
  'X-Lead': ['  a'],
  'X-Trail': ['a  '],
  'X-Tab-Lead': ['\ta\t'],
  'X-Bell': ['a\x07b'],
  'X-Del': ['a\x7f'],
  constructor: ['b'],
  'X.Dot': ['a'],
  X_Under: ['a'],
  'x!y': ['a'],
  "x'y": ['a'],
  'X-Fold': ['a\r\n b', 'a\r\n\tb\r\n c'],
  'X-Obs': ['\r\n a', '\n a'],
  'X-Case': ['other'],
  'Content-Type': [
    'application/json; charset=utf-16',
    'text/plain, application/json',
    'Application/JSON;charset="utf-8"',
    'text/plain;charset=latin1',
  ],
  Cookie: [' d=4 '],
  COOKIE: ['e=5;'],
  Authorization: ['Basic YTpi', ''],
  'Proxy-Authorization': ['Basic YTpi'],
}).concat(prototype)

export const bodies = ['', 'x', 'hello', '{"a": [1, 2.50, "\\u00e9"]}', '{"a":1}', 'a=1&b=%20&b=+', '\xc3\xa9', 'y'.repeat(700)]
export const hostileBodies = [
  ...[
    '0\r\n\r\n',
    '5\r\nhello\r\n0\r\n\r\n',
    '\r\n',
    '1e400',
    '[1',
    '{"a":1e-999}',
    '{"a":1,"A":2}',
    '{"a":1}{"b":2}',
    '\xff\0\r\n',
    '\xef\xbb\xbf{}',
  ],
  'GET /smuggled HTTP/1.1\r\nHost: evil\r\nX-Case: smuggled\r\n\r\n',
]
