/** Redaction: every spelling of a known secret, whatever the cuts; telling names; linear time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodings, maskEncodings } from '../../src/redact/known-secrets.ts'
import { createRedactor } from '../../src/redact/redactor.ts'
import { Masker } from '../../src/redact/stream.ts'

const secrets = fc.string({ minLength: 8, maxLength: 40, unit: fc.constantFrom(...'abcdefXYZ0123456789-_/+="') })

test('a secret is masked raw, escaped, encoded, in hex and in base64 at every alignment', () => {
  fc.assert(
    fc.property(secrets, fc.string({ maxLength: 20, unit: fc.constantFrom(...'ghijk .,') }), (secret, around) => {
      const redactor = createRedactor([secret])
      const forms = [
        secret,
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        Buffer.from(secret).toString('hex'),
        Buffer.from(`${around}${secret}`).toString('base64'),
        Buffer.from(`${around}${secret}`).toString('base64url'),
        // What PHP, Python's forms, Go, Java's and Ruby's templates make of it.
        JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
        JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\u002f').replaceAll('=', '\\u003d').replaceAll('+', '\\u002b'),
        encodeURIComponent(secret).replace(/%../g, (item) => item.toLowerCase()),
        new URLSearchParams([['', secret]]).toString().slice(1),
        encodeURIComponent(Buffer.from(secret).toString('base64').replaceAll('=', '')).replace(/%../g, (item) => item.toLowerCase()),
        secret.replaceAll('"', '&quot;'),
        secret.replaceAll('"', '&#34;'),
      ]
      for (const form of forms) {
        const masked = redactor.text(`${around} ${form} ${around}`)
        assert.ok(!masked.includes(form), form)
        assert.ok(masked.includes('[redacted]'), masked)
      }
    }),
  )
})

test('wherever a body is cut, the output is that of the whole', () => {
  fc.assert(
    fc.property(
      fc.array(secrets, { minLength: 1, maxLength: 3 }),
      fc.array(fc.oneof(fc.nat({ max: 2 }), fc.string({ maxLength: 15 })), { maxLength: 12 }),
      fc.array(fc.nat({ max: 200 }), { maxLength: 10 }),
      (known, parts, cuts) => {
        const text = parts.map((part) => (typeof part === 'number' ? (known[part] ?? 'plain') : part)).join('')
        const all = known.flatMap(encodings).sort((a, b) => b.length - a.length)
        const masker = new Masker(all)
        const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, text.length)), text.length])].sort((a, b) => a - b)
        let out = ''
        for (let i = 1; i < places.length; i += 1) out += masker.add(text.slice(places[i - 1], places[i]))
        out += masker.end()
        for (const secret of known) assert.ok(!out.includes(secret))
        // Overlapping secrets may be masked in another order; without overlaps the outputs are the same.
        if (known.length === 1) assert.equal(out, maskEncodings(text, all))
      },
    ),
    { numRuns: 2000 },
  )
})

test('of Basic credentials what they encode is masked too, and the password alone', () => {
  const redactor = createRedactor([`Basic ${Buffer.from('gateway:open sesame/1').toString('base64')}`])
  assert.equal(redactor.text('gateway:open sesame/1'), '[redacted]')
  assert.equal(redactor.text('"open sesame\\/1" open+sesame%2f1'), '"[redacted]" [redacted]')
})

for (const [credential, part] of [
  ['Api-Key abcdef-123456', 'abcdef-123456'],
  ['X_1.y ab/cd+ef==', 'ab/cd+ef=='],
  ['theme=default; session=abcdef-123456; lang=english', 'abcdef-123456'],
  ['Token token="abcdef-123456", realm="example"', 'abcdef-123456'],
  ['Digest username="gateway", signature=abcdef-123456', 'abcdef-123456'],
] as const) {
  test(`of ${credential} the credential in it is masked alone, and nothing ordinary`, () => {
    const redactor = createRedactor([credential])
    assert.equal(redactor.text(`it was <${part}>`), 'it was <[redacted]>')
    assert.equal(redactor.text(credential), '[redacted]')
    const ordinary = 'default, english, example, gateway and realm'
    assert.equal(redactor.text(ordinary), ordinary)
  })
}

test('a secret within another leaves nothing of the other behind', () => {
  const redactor = createRedactor(['abcdef', 'abcdef-and-more'])
  assert.equal(redactor.text('abcdef-and-more abcdef'), '[redacted] [redacted]')
})

test('where a length was promised a body stays as long as it is, whatever the cuts', () => {
  fc.assert(
    fc.property(secrets, fc.array(fc.nat({ max: 60 }), { maxLength: 5 }), (secret, cuts) => {
      const text = `before ${secret} ${Buffer.from(secret).toString('hex')} after`
      const masker = new Masker(encodings(secret), true)
      const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, text.length)), text.length])].sort((a, b) => a - b)
      let out = ''
      for (let i = 1; i < places.length; i += 1) out += masker.add(text.slice(places[i - 1], places[i]))
      out += masker.end()
      assert.equal(out.length, text.length)
      assert.ok(!out.includes(secret), out)
    }),
  )
})

test('telling names are masked in queries, headers, URLs and texts', () => {
  const redactor = createRedactor([])
  assert.equal(
    redactor.of({ headers: [], queryKeys: ['ownkey'], jsonKeys: [] }).query('a=1&Access_Token=abc&ownkey=x&%74oken=y&b'),
    'a=1&Access_Token=[redacted]&ownkey=[redacted]&%74oken=[redacted]&b',
  )
  assert.equal(
    redactor.text('see https://user:pass@host/x?token=abc&y=1 and Bearer abcdefgh'),
    'see https://[redacted]@host/x?token=[redacted]&y=1 and Bearer [redacted]',
  )
  assert.equal(redactor.text('an ordinary sentence = fine'), 'an ordinary sentence = fine')
})

test('the names of a manifest are its own, and everybody’s where nobody says whose a text is', () => {
  const redactor = createRedactor([])
  const [first, other] = [
    { headers: ['x-one'], queryKeys: ['page'], jsonKeys: [] },
    { headers: [], queryKeys: [], jsonKeys: ['note'] },
  ]
  redactor.setNames([first, other])
  assert.equal(redactor.of(first).query('page=1&note=2'), 'page=[redacted]&note=2')
  assert.equal(redactor.of(other).query('page=1&note=2'), 'page=1&note=[redacted]')
  assert.equal(redactor.query('page=1&note=2'), 'page=[redacted]&note=[redacted]')
  assert.deepEqual({ ...(redactor.of(other).document({ 'x-one': 'a', note: 'b' }) as object) }, { 'x-one': 'a', note: '[redacted]' })
  redactor.setNames([other])
  assert.equal(redactor.text('page=1&note=2'), 'page=1&note=[redacted]')
})

for (const [query, shown] of [
  ['a[password]=x&b=1', 'a[password]=[redacted]&b=1'],
  ['user%5Bpassword%5D=x', 'user%5Bpassword%5D=[redacted]'],
  ['db_password=x', 'db_password=[redacted]'],
  ['access-key=x&accessKey=y&ACCESS_KEY=z', 'access-key=[redacted]&accessKey=[redacted]&ACCESS_KEY=[redacted]'],
  ['a=1;password=x', 'a=1;password=[redacted]'],
  ["password=it's;so,hard", 'password=[redacted]'],
  ['password=a%26b&c=d', 'password=[redacted]&c=d'],
  ['next=https%3A%2F%2Fa.example%2F%3Ftoken%3Dabc%26page%3D2&x=1', 'next=https%3A%2F%2Fa.example%2F%3Ftoken%3D[redacted]%26page%3D2&x=1'],
  ['n=%253Faccess_token%253Dabc%2526b', 'n=%253Faccess_token%253D[redacted]%2526b'],
  ['next=https%3A%2F%2Fu%3Ap%40a.example%2F', 'next=https%3A%2F%2F[redacted]%40a.example%2F'],
  ['next=https://u:p@a.example/', 'next=https://[redacted]@a.example/'],
  ['next=https://a.example/?id_token=abc', 'next=https://a.example/?id_token=[redacted]'],
  ['%70ass%77ord=x', '%70ass%77ord=[redacted]'],
  ['X-Amz-Signature=x&X-Amz-Credential=y&X-Amz-Date=z', 'X-Amz-Signature=[redacted]&X-Amz-Credential=[redacted]&X-Amz-Date=z'],
  ['sv=1&sig=x', 'sv=1&sig=[redacted]'],
  ['mypassword2=x&clientSecret=y&myApiKey=z', 'mypassword2=[redacted]&clientSecret=[redacted]&myApiKey=[redacted]'],
  ['grant[0][client_secret]=x', 'grant[0][client_secret]=[redacted]'],
  ['verification_code=1&country_code=de', 'verification_code=[redacted]&country_code=de'],
  ['jsessionid=1&connect.sid=2&PHPSESSID=3', 'jsessionid=[redacted]&connect.sid=[redacted]&PHPSESSID=[redacted]'],
  ['password=', 'password='],
  ['next=https%253A%252F%252Fu%253Ap%2540a.example', 'next=https%253A%252F%252F[redacted]%2540a.example'],
  ['next=https://u:p@q@a.example/', 'next=https://[redacted]@a.example/'],
  ['next=//u:p@a.example/&x=1', 'next=//[redacted]@a.example/&x=1'],
  ['next=%2F%2Fu%3Ap%40a.example', 'next=%2F%2F[redacted]%40a.example'],
  ['a=Bearer%20abcdefgh&b=Basic+YWJjZGVmZ2g%3D&c=1', 'a=Bearer%20[redacted]&b=Basic+[redacted]&c=1'],
  ['t=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl&x=1', 't=[redacted]&x=1'],
  ['filter={"password":"it\'s, so","page":1}', 'filter={"password":"[redacted]","page":1}'],
  ['filter={"pin":1234,"page":1}', 'filter={"pin":[redacted],"page":1}'],
  ['f=%7B%22client_secret%22%3A%22x%22%2C%22page%22%3A1%7D', 'f=%7B%22client_secret%22%3A%22[redacted]%22%2C%22page%22%3A1%7D'],
  ['user/password=x&user|pwd=y&->token=z', 'user/password=[redacted]&user|pwd=[redacted]&->token=[redacted]'],
  [`data${'[attributes]'.repeat(30)}[password]=x`, `data${'[attributes]'.repeat(30)}[password]=[redacted]`],
  ['authkey=x&subscriptionkey=y&userpwd=z&dbpass=q', 'authkey=[redacted]&subscriptionkey=[redacted]&userpwd=[redacted]&dbpass=[redacted]'],
  ['passkey=x&AUTHCODE=y&my_sshkey2=z&appkeys[]=q', 'passkey=[redacted]&AUTHCODE=[redacted]&my_sshkey2=[redacted]&appkeys[]=[redacted]'],
  [
    'user["password"]=x&user%5B%22token%22%5D=y&b[%27pin%27]=z',
    'user["password"]=[redacted]&user%5B%22token%22%5D=[redacted]&b[%27pin%27]=[redacted]',
  ],
  ['token+=x&password%20=y&a+=z', 'token+=[redacted]&password%20=[redacted]&a+=z'],
  ['code_verifier=x&ticket=y&csrf=z&pw=q', 'code_verifier=[redacted]&ticket=[redacted]&csrf=[redacted]&pw=[redacted]'],
] as const)
  test(`of the query ${query} is shown ${shown}`, () => assert.equal(createRedactor([]).query(query), shown))

for (const query of [
  'page=2&per_page=10&sort=name',
  'keyword=a&keywords=b&monkey=c&key_type=rsa',
  'primary_key=1&sort_key=2&partition-key=3&publicKey=4',
  'author=a&authority=b&passenger=c&compass=d&passage=e',
  'zip_code=1&statusCode=2&barcode=3&codec=4',
  'monkey=1&turkey=2&hotkey=3&primarykey=4&publickey=5',
  'bypass=1&compass=2&postcode=3&encode=4&overpass=5',
  'laptop=1&signal=2&design=3&sessions=4&consider=5',
  'redirect=https%3A%2F%2Fa.example%2F%3Fpage%3D2',
  'q=a%3Db',
  '=&&==;;&=x',
  'filter={"page":1,"name":"eyJ"}',
  'mail=a%40b.example&to=me@a.example',
])
  test(`of the query ${query} all is shown`, () => assert.equal(createRedactor([]).query(query), query))

for (const [text, shown] of [
  ['/login;password=hunter2', '/login;password=[redacted]'],
  ['/a;JSESSIONID=1A;v=2', '/a;JSESSIONID=[redacted];v=2'],
  ['/r/https%3A%2F%2Fa.example%2F%3Ftoken%3Dabc', '/r/https%3A%2F%2Fa.example%2F%3Ftoken%3D[redacted]'],
  ['/r/https%3A%2F%2Fu%3Apw%40a.example%2F', '/r/https%3A%2F%2F[redacted]%40a.example%2F'],
  ['GET http://a.example/?user[password]=x failed', 'GET http://a.example/?user[password]=[redacted] failed'],
  ['(token=abc) and db_password=x, then', '(token=[redacted] and db_password=[redacted], then'],
  ['{"user[password]": "x"}', '{"user[password]":"[redacted]"}'],
  [`it said: {'password': 'a "b" c', 'n': 1}`, `it said: {'password': '[redacted]', 'n': 1}`],
  ['cannot read {"token": "a\\"b"', 'cannot read {"token": "[redacted]"'],
  ['password="two words" and password=\'three of them\', then', 'password=[redacted] and password=[redacted], then'],
  ['https:\\/\\/u:p@a.example', 'https:\\/\\/[redacted]@a.example'],
  ['bearer\tabcdefgh', 'bearer\t[redacted]'],
  ['/verify/eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', '/verify/[redacted]'],
] as const)
  test(`of the text ${text} is shown ${shown}`, () => {
    const redactor = createRedactor([])
    assert.equal(text.startsWith('{') ? redactor.document(text) : redactor.text(text), shown)
  })

for (const [body, shown] of [
  ['<a><password>x</password><n>1</n></a>', '<a><password>[redacted]</password><n>1</n></a>'],
  ['<s:Password Type="t">x</s:Password>', '<s:Password Type="t">[redacted]</s:Password>'],
  ['<token><![CDATA[<x>]]></token>', '<token>[redacted]</token>'],
  ['<token/><n>1</n><secret>', '<token/><n>1</n><secret>'],
  ['name: a\npassword: two words\nport: 1', 'name: a\npassword: [redacted]\nport: 1'],
  ['- token: "a b"\n  n: 1', '- token: [redacted]\n  n: 1'],
  ['Authorization: Token abc\nAccept: text/plain', 'Authorization: [redacted]\nAccept: text/plain'],
  ['mutation { login(n: 5, password: "x,y", pin: 12) { id } }', 'mutation { login(n: 5, password: [redacted], pin: [redacted]) { id } }'],
  ['see the token: it is there', 'see the token: it is there'],
] as const)
  test(`of the body ${JSON.stringify(body)} is shown ${JSON.stringify(shown)}`, () =>
    assert.equal(createRedactor([]).document(body), shown))

test('whatever a telling name is nested in, and however deep, its value is not shown', () => {
  const names = fc.constantFrom('password', 'db_password', 'a[password]', 'access-key', 'accessToken', 'client.secret', 'user[api_key]')
  const plain = fc.string({ unit: fc.constantFrom(...'abc/:-._~'), maxLength: 8 })
  fc.assert(
    fc.property(names, plain, plain, fc.nat({ max: 3 }), (name, around, after, depth) => {
      let inner = `https://a.example/${around}?x=${around}&${name}=S3CRETVALUE&y=${after}`
      for (let i = 0; i < depth; i += 1) inner = `next=${encodeURIComponent(inner)}&z=${after}`
      const redactor = createRedactor([])
      for (const shown of [redactor.query(inner), redactor.text(inner)]) {
        assert.ok(!shown.includes('S3CRET'), shown)
        assert.ok(shown.includes('[redacted]'), shown)
      }
    }),
  )
})

test('a telling name is known in a text however it is spelled, and whatever was read before (nodejs/node#63785)', () => {
  const redactor = createRedactor([])
  redactor.document('{"x":1,"passwor\\\\":2}')
  assert.equal(redactor.document('{"x":1,"passwor\\u0064":"hunter2"}'), '{"x":1,"password":"[redacted]"}')
})

for (const unit of [
  'a',
  'a://',
  'a=',
  '&token=',
  'bearer ',
  '://@',
  'known-secret-',
  '&',
  '%3F',
  '%26a',
  '%26token%3D',
  '"a":',
  '"token":"',
  '\\"',
  'eyJaaaaaa-',
  'eyJaaaaaa.',
  '=//a',
  '%2F%2Fa@',
  '"%5Ba',
  'a%3A%2F%2F',
  '&%5B',
  '<token>',
  '<token a=b ',
  '{token: ',
  '\n pin: "',
  '["token"]',
  'token++',
])
  test(`hostile text costs no more a character than ordinary text does: ${JSON.stringify(unit)}`, () => {
    const redactor = createRedactor(['known-secret-1', 'known-secret-2'])
    const cost = (unit: string, times: number) => {
      const text = unit.repeat(times)
      const began = process.cpuUsage().user
      redactor.text(text)
      redactor.document(text)
      return process.cpuUsage().user - began
    }
    cost(unit, 20_000)
    const small = Math.max(2000, cost(unit, 20_000))
    const large = cost(unit, 320_000)
    assert.ok(large / small < 100, `${JSON.stringify(unit)}: ${small} -> ${large} µs`)
  })
