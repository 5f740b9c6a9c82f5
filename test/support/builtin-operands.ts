/** Hostile operands for built-in functions, as texts: JSON, and sets as in Rego. */
import type { Random } from './random-policy.ts'

const controls = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code)).concat('\u007f', '\u0085', '\u00a0')

const words = [
  ...controls,
  ...[
    '',
    'a',
    'A',
    'abc',
    'ABC abc',
    'aXbXc',
    'é',
    'É',
    'e\u0301',
    'ß',
    'ǅ',
    'İ',
    'ı',
    'Σς',
    '😀',
    '\u{10ffff}',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\ufffd',
  ],
  ...[
    '\ud800',
    'a\udfffb',
    '\ud83d',
    'a\nb',
    'a\0b',
    '__proto__',
    ' a ',
    '\u00a0a\u2003',
    '\\',
    '"',
    '/',
    'a/b',
    '//',
    'a/b/c',
    '.',
    'a.b',
    '..',
  ],
  ...['x'.repeat(300), 'ab'.repeat(2000), 'aaaa', 'aaaaaaaab', 'true', 'null', '<a>&', '%', '%s', '%d %v', '%2F', '+', '-'],
]

const numberTexts = [
  ...[
    '0',
    '1',
    '-1',
    '2',
    '3',
    '5',
    '7',
    '8',
    '10',
    '16',
    '-0',
    '0.0',
    '-0.0',
    '1.0',
    '10.0',
    '0.1',
    '0.5',
    '-0.5',
    '1.5',
    '2.5',
    '-2.5',
    '0.3',
  ],
  ...[
    '1e0',
    '1E2',
    '1e+2',
    '100e-2',
    '1e21',
    '1e22',
    '1e-7',
    '1e308',
    '5e-324',
    '1.7976931348623157e308',
    '1e309',
    '1e-400',
    '4503599627370496.5',
  ],
  ...['2147483647', '2147483648', '-2147483648', '4294967296', '9007199254740991', '9007199254740993', '-9007199254740993'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809', '18446744073709551616'],
  ...[
    '123456789012345678901234567890',
    '0.1000000000000000055511151231257827',
    '3.141592653589793238462643383279',
    '999999999',
    '1000000000',
  ],
]
const numberStrings = [
  '9999e',
  '1_0',
  '0x10',
  '010',
  '+1',
  ' 1',
  '1 ',
  '1.',
  '.5',
  'NaN',
  'Infinity',
  '1e',
  '1e400',
  '--1',
  '1,2',
  '',
  '0b1',
  '٣',
]

const addresses = [
  ...[
    '10.0.0.0/8',
    '10.1.2.3',
    '10.1.2.3/32',
    '0.0.0.0/0',
    '0.0.0.0',
    '255.255.255.255',
    '192.168.1.0/24',
    '192.168.1.255',
    '192.168.1.7/24',
    '10.0.0.0/33',
  ],
  ...[
    '::ffff:10.1.2.3',
    '::ffff:10.0.0.0/104',
    '::ffff:a01:203',
    '::/0',
    '::',
    '::1',
    'fe80::1%eth0',
    'fe80::/10',
    '2001:db8::/32',
    '2001:db8::1',
    '::10.1.2.3',
  ],
  ...[
    '010.0.0.1',
    '10.1',
    '10.1.2.3.4',
    '10.1.2.3 ',
    ' 10.1.2.3',
    '10.1.2.3\n',
    '0x0a.1.2.3',
    '1.2.3.4/08',
    '1.2.3.4/',
    '/8',
    '[::1]',
    '::1/129',
    '10.0.0.0/-1',
    '1.2.3.256',
  ],
  ...['64:ff9b::1.2.3.4', '::ffff:0:10.1.2.3', '0:0:0:0:0:ffff:10.1.2.3', '10.0.0.0/8/8', '１0.0.0.1'],
]

const patterns = [
  ...[
    '*',
    '**',
    'a*',
    '*b',
    'a*b',
    '*a*',
    '**/b',
    'a/**',
    'a/*/c',
    '*.b',
    'a?c',
    '[ab]',
    '[!a]',
    '[a-c]',
    '{a,b}',
    '{a*,b}',
    '\\*',
    '[',
    '{',
    '}',
    ']',
    '***',
    '?',
    '',
    'a\nb',
    '*\n*',
  ],
  ...['*,*', '-*', '!*', '**a**b**', '*a*b*c*', '/*/**/*', 'é*', '*😀', '[^a]', '[]', 'a\\', '\\', '*\ufffd*', '*.example.com', 'api.*'],
]
const expressions = [
  ...[
    '^a',
    'a$',
    'a.b',
    '(?i)É',
    '(?i)k',
    '(?s)a.b',
    '(?m)^b$',
    '\\d+',
    '\\pL',
    '\\p{Greek}',
    '[[:alpha:]]',
    '(a|b)*c',
    '(a+)+$',
    'a{2,3}',
    'a{1001}',
    '(',
    '[',
    '*',
    '\\',
    '\\C',
  ],
  ...[
    '(?P<n>a)',
    '(?<n>a)',
    '\\b',
    '\\Qa.b\\E',
    '\\x{10FFFF}',
    '\\xff',
    '.',
    '^$',
    '',
    'a\\z',
    '\\A',
    '(?U)a+',
    'x*',
    '[^\\n]',
    '\\s',
    '\\v',
    '^[0-9.]+$|:',
    '(?:a*)*',
    '{a}',
    '\\1',
  ],
]
const documents = [
  ...[
    'true',
    'null',
    '1',
    '"a"',
    '[]',
    '{}',
    '[1',
    '{"a":1}',
    '{"a":1,"a":2}',
    '{"b":1,"a":2}',
    'true x',
    'true ',
    ' true',
    '1 2',
    '[1,]',
    '{"a":}',
    "{'a':1}",
    '"\\ud800"',
    '"\u2028"',
  ],
  ...[
    '1e400',
    '01',
    '1.',
    '-',
    '"\n"',
    '\ufeff1',
    'NaN',
    '[1] []',
    '"\\u0000"',
    '[[[[[[[[1]]]]]]]]',
    '{"__proto__":1}',
    '{"a":{"b":[1,{"c":null}]}}',
    '9007199254740993',
    '1.0',
    '-0',
    '//x',
    '"a',
  ],
  ...[
    'a: 1',
    '- a\n- b',
    'a: &x [1]\nb: *x',
    'a: yes',
    '{a: b}',
    'a: 0x10',
    '---\na\n---\nb',
    'a: .inf',
    'a: 2001-01-01',
    '!!binary aGk=',
    '? [a]\n: b',
  ],
]
const encoded = [
  ...[
    'aGVsbG8=',
    'aGVsbG8',
    'a',
    'aa',
    'aGVs\nbG8=',
    'aGVs bG8=',
    '=',
    '====',
    'YQ==',
    'YR==',
    '_-8=',
    '-_8',
    '+/8=',
    'gICA',
    '/w==',
    '68656c6c6f',
    '6',
    'zz',
    '%41',
    'a=1&b=2',
    'a=1;b',
    '%zz',
    'a=%ff',
  ],
]
const others = [
  ...[
    '1.2.3',
    'v1.2.3',
    '1.2',
    '1.2.3-rc.1+b',
    '01.2.3',
    '10K',
    '10Ki',
    '1.5Mi',
    '1e3',
    '1e1000Gi',
    '100m',
    '5.5',
    'https://a.b/c?d#e',
    'http://[::1]:80/',
    '//a',
    'a b',
  ],
  ...[
    '2020-01-01T00:00:00Z',
    '2020-01-01',
    '2006-01-02',
    'RFC3339',
    'America/New_York',
    'UTC',
    'Local',
    '',
    '1h',
    '1.5h',
    '-1s',
    '1d',
    'urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  ],
  ...['{ a }', 'type Query { a: Int }', 'package a\nb := 1', '{{.a}}', '{{', '{{range .a}}{{.}}{{end}}', '/a/b', 'a/0', 'a/-', '~1', '/~0'],
]

const pools: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^net\./, addresses],
  [/^glob/, patterns],
  [/^regex/, expressions],
  [/^(json|yaml|graphql|rego|object|io)/, documents],
  [/^(base64|hex|urlquery|crypto|io)/, encoded],
  [/^(to_number|format_int|units|bits|sum|numbers)/, numberStrings],
  [/^(sprintf|semver|time|uri|uuid|strings|units|graphql|rego|json)/, others],
]

/** Values that some functions take hours for, and what these are given in the place of numbers. */
const costly = /^(numbers\.range|numbers\.range_step|bits\.lsh|strings\.render_template|time\.|units\.)/
const small = ['0', '1', '-1', '2', '7', '64', '1.0', '1.5', '1e2', '-0', '300']

export interface Declared {
  readonly name: string
  readonly args: readonly { readonly type?: string; readonly of?: unknown }[]
}

export function createOperands(random: Random) {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  // As the gateway writes a policy's input: well-formed.
  const text = (value: string) => JSON.stringify(value.toWellFormed())

  function string(name: string): string {
    const fitting = pools.filter(([matches]) => matches.test(name)).map(([, list]) => list)
    const roll = random()
    // All addresses of a block: of a large one for hours.
    if (name === 'net.cidr_expand') return pick(addresses.filter((address) => !address.includes('/') || /\.\d+\/(?:24|3\d)$/.test(address)))
    if (fitting.length > 0 && roll < 0.7) return pick(pick(fitting))
    if (roll < 0.8) return pick(words) + pick(words)
    return pick(roll < 0.95 ? words : pick([addresses, patterns, documents, encoded, others, numberStrings]))
  }

  /** Deeper than anything that is written by hand, or with more members; rarely, since they take long. */
  function large(name: string): string {
    const leaf = pick([text(string(name)), pick(numberTexts), 'set()', 'null'])
    const depth = 20 + Math.floor(random() * 180)
    const width = 200 + Math.floor(random() * 1800)
    return pick([
      () => `${'['.repeat(depth)}${leaf}${']'.repeat(depth)}`,
      () => `${'{"a":'.repeat(depth)}${leaf}${'}'.repeat(depth)}`,
      () => `${'{[{"b":'.repeat(depth >> 2)}${leaf}${'}]}'.repeat(depth >> 2)}`,
      () => `[${Array.from({ length: width }, (_, index) => (index % 7 === 0 ? leaf : index)).join()}]`,
      () => `{${Array.from({ length: width }, (_, index) => `"${(index * 7919) % width}":${leaf}`).join()}}`,
      () => `{${Array.from({ length: width }, (_, index) => `"k${(index * 7919) % width}"`).join()}}`,
      () => text(pick(words).repeat(width)),
    ])()
  }

  function value(name: string, depth = 0): string {
    const roll = random()
    if (roll < 0.35) return text(string(name))
    if (roll < 0.6) return pick(costly.test(name) ? small : numberTexts)
    if (roll < 0.7 || depth > 2) return pick(['true', 'false', 'null', '[]', '{}', 'set()'])
    return collection(name, pick(['array', 'set', 'object']), depth)
  }

  function collection(name: string, type: string, depth: number): string {
    const length = random() < 0.02 ? 60 : Math.floor(random() * 4)
    const operand = random() < 0.5 ? () => value(name, depth + 1) : () => text(string(name))
    const items = Array.from({ length }, operand)
    if (type === 'array') return `[${items.join()}]`
    if (type === 'set') return items.length === 0 ? 'set()' : `{${items.join()}}`
    return `{${[...new Map(items.map((item) => [text(pick(['a', 'b', 'c', '0', '1', string(name)])), item]))].map(([key, item]) => `${key}:${item}`).join()}}`
  }

  function operand({ name }: Declared, type: string | undefined): string {
    if (random() < 0.001 && !costly.test(name)) return large(name)
    if (random() < 0.15) return value(name)
    if (type === 'string') return text(string(name))
    if (type === 'number') return pick(costly.test(name) ? small : numberTexts)
    if (type === 'boolean') return pick(['true', 'false'])
    if (type === 'array' || type === 'set' || type === 'object') return collection(name, type, 0)
    return value(name)
  }

  /** An array of the operands of one call. */
  return (declared: Declared): string =>
    `[${declared.args.map(({ type, of }) => operand(declared, type === 'any' && Array.isArray(of) ? (pick(of) as { type?: string }).type : type)).join()}]`
}
