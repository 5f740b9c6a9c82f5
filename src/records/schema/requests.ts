/** The records of requests: `decided` or `refused`, then `settled`; and the sums of floods. */
import { containmentStates } from '../../core/index.ts'
import { count, flag, group, hex, integration, type Members, ms, oneOf, optional, type RecordType, text, texts } from './members.ts'

const id = text('of the request, which its caller was sent as `Sallyport-Request-Id`', 200)

const arrival: Members = {
  id,
  parent: optional(text('id of the CONNECT whose tunnel it came through, or of the request whose decision made this external call', 200)),
  trace: hex(
    'trace id (32 digits; W3C Trace Context) that the caller named in `traceparent`, or a new one. It is a label that anybody can write, and proves nothing',
    32,
  ),
  door: oneOf('the way that it came in', ['proxy', 'connect', 'intercept', 'services', 'broker', 'policy']),
  peer: text('address of the other end of the connection; `local` for a Unix socket', 512),
  peerPort: optional(count('its port; absent for a Unix socket')),
}

const identity = oneOf('how the caller proved which integration it is', ['listener', 'token', 'policy'])
const credential = optional(
  text(
    'which listener or token proved it: `listener:` and its name; `token:` and the first twelve digits of the SHA-256 that the manifest has',
    512,
  ),
)

const containment = optional(oneOf('that its integration was held in; absent: normal', containmentStates))

export const decided: RecordType = {
  description:
    'A request is decided; it is on disk before the first byte of the reply leaves, and with `audit.durability: strict` before the effect begins.',
  members: {
    ...arrival,
    integration: integration('that called'),
    identity,
    credential,
    containment,
    kind: oneOf('of what it asks for', ['http', 'tunnel', 'service', 'file', 'self', 'lookup']),
    action: text('the method, or `CONNECT`, `stat`, `list`, `read`, `write`, `resolve`', 512),
    subject: {
      description:
        'what would be touched, canonical: of `http` `scheme`, `host`, `port`, `method`, `path`, `query` and `websocket`; of a tunnel `host` and `port`; of a service `name`, `method`, `path`, `query` and `websocket`; of a file `root` and `path`; of a lookup `host`',
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean'] },
    },
    allow: flag('the decision'),
    rule: text('that decided', 1024),
    capability: optional(text('of the manifest, that allowed it; absent where none did', 512)),
    reasons: optional(texts('why, as the policy says it: at most 32, of 500 characters each, and 8 KiB together', 520)),
    revision: text('of the policy and data that decided', 200),
    input: optional({
      description:
        'with `audit.input`: the input that the policy was asked about (docs/policy/input.md), masked, without a body that no rule looks at; in more than 16 KiB texts, names and lists are cut, and of what has too many members only `cut` remains',
      type: 'object',
      additionalProperties: true,
    }),
  },
}

export const refused: RecordType = {
  description: 'The path of a request ended before a decision: it is malformed, nothing proves who calls, the gateway shuts down.',
  members: {
    ...arrival,
    integration: { ...integration('that called; null where nothing proves which'), type: ['string', 'null'] },
    identity: optional({ ...identity, description: `${identity.description}; absent where nothing did` }),
    credential,
    containment,
    code: text('of the refusal (problems.md)', 64),
    detail: text('what the caller was told'),
    claimed: optional(
      text(
        'where nothing proves who calls: the integration that the caller said it is (the user of Basic). `[not a name]` where that cannot be a name, `[redacted]` where it is a token',
        512,
      ),
    ),
    subject: optional(
      group('what was asked for, as the caller wrote it: neither canonical nor judged. Absent where nothing of it can be read', {
        method: optional(text('', 520)),
        scheme: optional(text('', 520)),
        host: optional(text('without userinfo, in lower case', 1040)),
        port: optional(count('')),
        path: optional(text('')),
        query: optional(text('')),
      }),
    ),
  },
}

const attempt = group('', {
  problem: optional(text('by which it failed', 64)),
  status: optional(count('that the destination answered')),
  sentBytes: optional(count('of the body, sent for nothing')),
  afterMs: ms('when it ended, since the arrival'),
})

export const settled: RecordType = {
  description:
    'The last byte of a reply is delivered, or either end broke off. Every `decided` and `refused` has one, unless a crash came between.',
  members: {
    id,
    status: count('that the caller was sent; 499 where it left before'),
    problem: optional(text('the gateway’s own refusal, or what broke the reply off after its head (problems.md)', 64)),
    side: optional(oneOf('the cause of the problem', ['caller', 'policy', 'cap', 'origin', 'gateway'])),
    detail: optional(text('what a refusal tells only the operator, such as the address that was denied')),
    sentBytes: count('that went to the destination: the body, or what passed a tunnel'),
    sentType: optional(text('media type of the body that went there', 300)),
    sentSha256: optional(hex('with `audit.bodyHashes`: SHA-256 of the body that went there; absent where not all of it did', 64)),
    receivedBytes: count('that went to the caller'),
    receivedType: optional(text('media type of the destination’s reply', 300)),
    receivedSha256: optional(
      hex('with `audit.bodyHashes`: SHA-256 of the body that the caller got; absent where it did not get all of it', 64),
    ),
    durationMs: ms('all of it'),
    identifyMs: optional(ms('until it was known who calls, with the wait for a disk that fell behind; absent below 0.1 ms')),
    limitsMs: optional(
      ms('until the arrivals bucket had let it pass, with the time for which a flood was kept waiting; absent below 0.1 ms'),
    ),
    policyMs: optional(ms('the decision, with its external calls and without the wait for a body')),
    admitMs: optional(ms('buckets and concurrency; absent below 0.1 ms')),
    queueMs: optional(ms('the wait for a connection, a turn, or (durability `strict`) the record')),
    dnsMs: optional(ms('the lookup; absent for an address, and where no connection was made for this request')),
    connectMs: optional(ms('the TCP connection; absent where no connection was made for this request')),
    tlsMs: optional(ms('the TLS handshake with the destination')),
    firstByteMs: optional(ms('from sending the request to the head of the reply')),
    bodyMs: optional(ms('from the head of the reply to its last byte')),
    recordMs: optional(ms('how long the reply waited for its record to be on disk; absent below 0.1 ms')),
    cpuMs: optional(ms('its share of the processor time of the gateway’s main thread, estimated (telemetry.md)')),
    tokens: optional(
      group('taken from the integration’s buckets; absent where it was not admitted', {
        requests: count(''),
        bytesOut: count(''),
        bytesIn: count(''),
      }),
    ),
    dialled: optional(
      group('the connection that the destination was asked over last, made for this request or kept', {
        address: text('that was dialled', 512),
        port: count('that was dialled'),
        certificate: optional(hex('SHA-256 of the certificate that the destination showed the gateway', 64)),
      }),
    ),
    breaker: optional(oneOf('state of the destination’s circuit breaker as the request came to it', ['closed', 'open', 'half-open'])),
    attempts: optional(count('where the destination was asked more than once: how often')),
    retried: optional({
      description:
        'how each attempt before the last one ended: `problem` or `status`, `afterMs` since the arrival, and `sentBytes`, what of the body the destination was sent for nothing',
      type: 'array',
      items: attempt,
    }),
    complete: flag('the last byte was delivered'),
  },
}

export const summed: RecordType = {
  description: 'Refusals beyond the arrivals bucket, and of callers that left while the disk was waited for, counted.',
  members: {
    who: text('the integration, `peer` and an address, or `other`', 600),
    code: text('of the refusals', 64),
    count: count('of them'),
    first: text('time of the first', 64),
    last: text('time of the last', 64),
  },
}
