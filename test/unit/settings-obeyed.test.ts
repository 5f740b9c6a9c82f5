/** No setting is accepted and ignored: each key of sallyport.yaml and of a manifest names the test that shows what it does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { derived } from '../../docs/emit.ts'
import { shippedRulesSchema } from '../../src/config/index.ts'
import { root } from '../support/installation.ts'

/** A file below test/, and a title in it. That file names the key. */
type Shown = readonly [file: string, title: string]

const kafkaGateway = ['sinks/kafka.test.ts', 'a gateway ships its log as sallyport.yaml says, and "audit follow" verifies it'] as const
const otlpGateway = ['sinks/otlp-sink.test.ts', 'a gateway ships its log to a collector as sallyport.yaml says'] as const
const secret = ['unit/config.test.ts', 'secrets from it or a file, and are known to the redactor'] as const
const buckets = Object.fromEntries(
  ['arrivals', 'requests', 'bytesOut', 'bytesIn'].flatMap((bucket): [string, Shown][] => {
    const ofBytes = bucket.startsWith('bytes')
    const shown: Shown = ofBytes
      ? ['unit/slow-bytes.test.ts', 'pass within 5 % of its rate over each 10 s, and never ahead of it']
      : ['property/gcra.test.ts', 'the bucket admits exactly what the model admits']
    return [
      [`limits.${bucket}.rate`, shown],
      [`limits.${bucket}.burst`, shown],
    ]
  }),
)
/** The same keys in either file. */
const inBoth: Readonly<Record<string, Shown>> = {
  ...buckets,
  'limits.concurrency': ['flow/connection-shares.test.ts', 'an intercepted request needs one slot and one token'],
  'limits.connections': ['flow/connection-shares.test.ts', 'its own limit holds an integration'],
  'breaker.errorThresholdPercent': ['unit/breakers.test.ts', 'a threshold of 100 percent opens when everything fails'],
  'breaker.minimumRequests': ['unit/breakers.test.ts', 'opens at its threshold, not only above it'],
  'breaker.window': ['unit/breakers.test.ts', 'what happened before the window counts no more'],
  'breaker.reset': ['unit/breakers.test.ts', 'opens after failures, lets one trial through after the reset'],
}

const literalForms = ['unit/manifest-paths.test.ts', 'a pattern writes %2F or // where the capability takes them literally'] as const
const queryConditions = [
  'flow/query-conditions.test.ts',
  'a condition on the query holds through the proxy, inside a tunnel and for a service',
] as const
const timeouts = (of: string): Readonly<Record<string, Shown>> => ({
  [`${of}.timeouts.connect`]: ['flow/timeouts.test.ts', 'connect: where no connection is made'],
  [`${of}.timeouts.tls`]: ['flow/timeouts.test.ts', 'tls: where a destination accepts the connection and says nothing'],
  [`${of}.timeouts.firstByte`]: ['flow/timeouts.test.ts', 'firstByte: where a destination has the request and does not answer'],
  [`${of}.timeouts.idle`]: ['flow/timeouts.test.ts', 'idle: where a reply, a tunnel or a WebSocket comes to a stop'],
  [`${of}.timeouts.total`]: ['flow/timeouts.test.ts', 'total: before there is an answer, and while one is still coming'],
})
const retries = (of: string): Readonly<Record<string, Shown>> => ({
  [`${of}.retries.attempts`]: ['flow/retries.test.ts', 'no more often than its attempts, not for longer than it may take'],
  [`${of}.retries.backoff`]: ['unit/retries.test.ts', 'a random half of the pause is left out'],
  [`${of}.retries.budget`]: ['unit/retries.test.ts', 'retries are a share of the requests of an integration to an origin'],
})
const filters: Shown = ['unit/alerts.test.ts', 'go only to receivers whose severity and filters they meet']
const webhook: Shown = ['unit/alert-receivers.test.ts', 'gets an alert as JSON with its owner, under an id that a repetition has again']
const overTls: Shown = ['unit/alert-receivers.test.ts', 'is asked over TLS with a CA and a certificate of its own']
const receiversOfFile: Shown = ['unit/config-watch.test.ts', 'a receiver needs its name, type and URL: everything else has a default']
const slackSecrets: Shown = ['unit/config-watch.test.ts', 'keys of signatures and URLs of Slack are secrets']
const receiverKeys: Readonly<Record<string, Shown>> = {
  ...Object.fromEntries(['minSeverity', 'rules', 'integrations', 'owners'].map((key) => [`watch.receivers[].${key}`, filters])),
  ...Object.fromEntries(['token', 'headers', 'secret'].map((key) => [`watch.receivers[].${key}`, webhook])),
  ...Object.fromEntries(
    ['ca', 'clientCertificate.certificate', 'clientCertificate.key'].map((key) => [`watch.receivers[].${key}`, overTls]),
  ),
  ...Object.fromEntries(['name', 'type', 'url'].map((key) => [`watch.receivers[].${key}`, receiversOfFile])),
  ...Object.fromEntries(
    ['token', 'headers.<name>', 'secret'].flatMap((key) => ['env', 'file'].map((from) => [`watch.receivers[].${key}.${from}`, secret])),
  ),
  'watch.receivers[].url.env': slackSecrets,
  'watch.receivers[].url.file': secret,
  'watch.receivers[].timeout': ['unit/alert-receivers.test.ts', 'that hangs or answers slowly is given up after its timeout'],
  'watch.receivers[].maxDelay': ['unit/alerts.test.ts', 'that a receiver does not take are sent until it does'],
  'watch.receivers[].maxWaiting': ['unit/alerts.test.ts', 'wait in a bounded outbox, and the receiver hears what it has missed'],
  'watch.receivers[].remindAfter': ['unit/alerts.test.ts', 'are reminded of until somebody acknowledges them'],
  'watch.receivers[].resend': ['flow/alertmanager.test.ts', 'keeps it while it is active'],
  'watch.receivers[].labels': ['flow/alertmanager.test.ts', 'Alertmanager has an alert with its labels'],
  'watch.timeZone': ['unit/watch-hours.test.ts', 'office hours stay the same hours of the week when clocks are set'],
  'watch.rulesFor': ['unit/detect-own-rules.test.ts', 'an integration with rules of its own is judged by them, and others are not'],
  'watch.resolveAfter': ['flow/alerts.test.ts', 'what is found is delivered, recorded, and resolved after watch.resolveAfter'],
}
const proxy = ['flow/lifecycle.test.ts', 'a listener for an unknown integration aborts with 78'] as const

const manifestKeys: Readonly<Record<string, Shown>> = {
  ...inBoth,
  apiVersion: ['unit/manifest-schema.test.ts', 'and where it is'],
  kind: ['unit/manifest-schema.test.ts', 'and where it is'],
  name: ['flow/broker.test.ts', '/v1/self names the caller, what it may do'],
  owner: ['flow/operator.test.ts', 'doctor says what is wrong before the start'],
  labels: ['flow/policy-revisions.test.ts', 'labels are part of the revision: rules may ask for them'],
  'identity.tokens[].sha256': ['flow/policy-change.test.ts', 'what is open ends when its token is taken back'],
  'network[].hosts': ['unit/config.test.ts', 'a manifest’s hosts are canonical, and its TLS mode and ports follow from what it asks'],
  'network[].ports': ['unit/config.test.ts', 'a manifest’s hosts are canonical, and its TLS mode and ports follow from what it asks'],
  'network[].methods': ['flow/package-managers.test.ts', 'git clones and fetches, and cannot push'],
  'network[].paths': ['flow/security-cases.test.ts', 'cases 6, 9: one path has one verdict'],
  'network[].query': queryConditions,
  'network[].encodedSlash': literalForms,
  'network[].emptySegments': literalForms,
  'network[].tls': ['unit/config.test.ts', 'a manifest’s hosts are canonical, and its TLS mode and ports follow from what it asks'],
  'network[].addresses': ['flow/public-network.test.ts', 'special addresses are reached through no door'],
  'network[].timeout': ['flow/stuck-dials.test.ts', 'a capability’s timeout holds while a name is resolved or an address dialled'],
  ...timeouts('network[]'),
  ...timeouts('services[]'),
  ...retries('network[]'),
  ...retries('services[]'),
  'network[].maxRequest': ['flow/open-caps.test.ts', 'whose caller sends more than maxRequest is cut'],
  'network[].maxReply': ['flow/open-caps.test.ts', 'whose other end sends more than maxReply is cut'],
  'services[].name': ['flow/services.test.ts', 'a denied and an unknown service look alike'],
  'services[].methods': ['flow/configured-bounds.test.ts', 'a service is asked by the methods that its capability names'],
  'services[].paths': ['flow/client-forms.test.ts', 'a WebSocket to a service has the verdict of a plain request on each of these paths'],
  'services[].query': queryConditions,
  'services[].encodedSlash': literalForms,
  'services[].emptySegments': literalForms,
  'network[].websocket': ['flow/websockets.test.ts', 'where the capability allows no WebSocket it is refused'],
  'network[].maxMessage': ['flow/websockets.test.ts', 'a message larger than the capability’s maxMessage closes it with 1009'],
  'network[].messagesPerSecond': ['flow/websockets.test.ts', 'a capability’s messagesPerSecond delays what comes faster'],
  'services[].maxMessage': ['flow/service-upgrade.test.ts', 'too large closes with 1009'],
  'services[].messagesPerSecond': ['flow/service-upgrade.test.ts', 'too many are delayed'],
  'services[].websocket': ['flow/services.test.ts', 'a WebSocket is judged, recorded before its upgrade'],
  'files[].name': ['flow/broker.test.ts', 'files are read, described, listed and atomically written'],
  'files[].root': ['flow/broker.test.ts', 'no spelling of a path leads out of its root folder'],
  'files[].actions': ['flow/broker.test.ts', '/v1/self names the caller, what it may do'],
  'files[].paths': ['flow/policy-explain.test.ts', 'explain tells of files and services the change that helps'],
  'files[].maxBytes': ['flow/broker.test.ts', 'a body beyond maxBytes is refused and nothing is kept'],
  'telemetry.traceparent': ['sinks/otlp-traces.test.ts', 'a manifest says what destinations are told of a trace'],
  'telemetry.serverTiming': ['flow/request-cost.test.ts', 'an integration whose manifest asks is told how long the stations took'],
  denials: ['flow/denied-inside.test.ts', 'has the CONNECT itself refused'],
  'redaction.headers': ['property/redact.test.ts', 'the names of a manifest are its own'],
  'redaction.queryKeys': ['property/redact.test.ts', 'the names of a manifest are its own'],
  'redaction.jsonKeys': ['property/redact.test.ts', 'the names of a manifest are its own'],
}

const reports = ['unit/config-reports.test.ts', 'a report needs only its server: everything else has a default'] as const
const bundleDefaults = ['unit/config-bundles.test.ts', 'a server has its secrets read, and a bundle its defaults'] as const
const unixSocket = ['flow/broker.test.ts', 'a Unix socket has the mode and the group that its listener says'] as const
const unidentified = ['flow/connection-shares.test.ts', 'silent and unidentified connections keep no other caller out'] as const
const tls = ['policy/server.test.ts', 'presents its certificate, and trusts the configured CA alone'] as const

const adminToken = ['flow/admin-access.test.ts', 'each token has its role'] as const
const adminCertificate = ['flow/admin-access.test.ts', 'a client certificate gives its role over TLS'] as const
const adminOidc = ['unit/config-admin.test.ts', 'a provider has its defaults'] as const
const jwt = ['unit/operators.test.ts', 'a JWT of another issuer, audience, time or kind proves nothing'] as const
const jwtRole = ['unit/operators.test.ts', 'a JWT has the role of the first claim that matches'] as const
const administrators = (of: string, shown: Shown): Readonly<Record<string, Shown>> => ({
  [`${of}.name`]: shown,
  [`${of}.role`]: shown,
  [`${of}.personal`]: shown,
})

const spans = ['sinks/otlp-traces.test.ts', 'spans reach a collector as sallyport.yaml says'] as const
const telemetryKeys: Readonly<Record<string, Shown>> = {
  'telemetry.traceparent': ['sinks/otlp-traces.test.ts', 'and its destination is told of the exchange'],
  ...Object.fromEntries(
    ['endpoint', 'interval', 'timeout', 'compression', 'attributes', 'headers'].map((key) => [`telemetry.otlp.${key}`, spans]),
  ),
  'telemetry.otlp.token': ['policy/server.test.ts', 'asks below the path of the server, with its token and headers'],
  'telemetry.otlp.metrics': ['sinks/otlp-traces.test.ts', 'where spans are off, requests have none'],
  'telemetry.otlp.metrics.interval': ['sinks/otlp-metrics.test.ts', 'a collector gets the metrics of /metrics at each interval'],
  'telemetry.otlp.traces': ['sinks/otlp-traces.test.ts', 'where spans are off, requests have none'],
  'telemetry.otlp.traces.ratio': [
    'sinks/otlp-traces.test.ts',
    'with a ratio of 0 the spans of denials, refusals and failures are exported',
  ],
  'telemetry.otlp.traces.queue': ['unit/span-queue.test.ts', 'beyond its queue spans are dropped and counted'],
  ...Object.fromEntries(
    ['token', 'headers.<name>'].flatMap((key) => ['env', 'file'].map((from) => [`telemetry.otlp.${key}.${from}`, secret])),
  ),
  ...Object.fromEntries(['ca', 'clientCertificate.certificate'].map((key) => [`telemetry.otlp.${key}`, tls])),
  'telemetry.otlp.clientCertificate.key': ['flow/bundles.test.ts', 'a server behind TLS gets the client certificate and the token'],
}
const sinkKeys: Readonly<Record<string, Shown>> = {
  ...Object.fromEntries(
    ['every', 'settings', 'webhook.url', 'webhook.secret', 'webhook.secret.file', 'webhook.timeout'].map((key) => [
      `audit.review.${key}`,
      ['flow/review-schedule.test.ts', 'a review runs on its schedule, records what it finds, and posts it, signed'] as const,
    ]),
  ),
  'audit.keep.for': ['fault/retention.test.ts', 'bundles go whose newest record is older than is kept'],
  'audit.keep.size': ['fault/retention.test.ts', 'bundles go until what is left is no larger than keep.size'],
  'audit.archive': ['fault/retention.test.ts', 'killed before each change of a file, a log verifies with its archive'],
  'audit.reserve': ['fault/audit-reserve.test.ts', 'below its reserve the disk takes no new work'],
  'audit.review.checks': ['flow/audit-review.test.ts', 'the check that docs/audit/review.md shows finds what it says'],
  'audit.review.webhook.secret.env': secret,
  'audit.review.webhook.ca': ['policy/server.test.ts', 'presents its certificate, and trusts the configured CA alone'],
  'audit.sinks[].type': ['flow/sinks.test.ts', 'SIGHUP has a file opened anew, and standard output gets the log as well'],
  'audit.sinks[].name': ['flow/sinks.test.ts', 'says in status and metrics how far it has come'],
  'audit.sinks[].path': ['flow/sinks.test.ts', 'a gateway ships its log to a file, to its last record'],
  'audit.sinks[].batch': ['flow/sinks.test.ts', 'the shipping process and the gateway are killed in turn'],
  'audit.sinks[].timeout': ['sinks/shipping.test.ts', 'a receiver that fails, hangs or takes half gets everything in the end'],
  'audit.sinks[].maxDelay': ['sinks/shipping.test.ts', 'a receiver that fails, hangs or takes half gets everything in the end'],
  'audit.sinks[].view': ['sinks/views.test.ts', 'each view is what sinks of that view get'],
  'audit.sinks[].host': ['sinks/syslog-sink.test.ts', 'rsyslog over TLS with client certificates gets every message whole'],
  'audit.sinks[].port': ['sinks/syslog-sink.test.ts', 'rsyslog over TLS with client certificates gets every message whole'],
  'audit.sinks[].facility': ['sinks/syslog-sink.test.ts', 'with its facility, severity, time and number'],
  'audit.sinks[].clientCertificate.certificate': ['sinks/syslog-sink.test.ts', 'and none without our certificate'],
  'audit.sinks[].clientCertificate.key': ['sinks/syslog-sink.test.ts', 'and none without our certificate'],
  'audit.sinks[].ca': ['sinks/webhook-sink.test.ts', 'a receiver over TLS is trusted by its CA alone'],
  'audit.sinks[].url': ['sinks/webhook-sink.test.ts', 'a batch arrives as one JSON array with its id'],
  'audit.sinks[].token.env': secret,
  'audit.sinks[].token.file': secret,
  'audit.sinks[].headers.<name>.env': secret,
  'audit.sinks[].headers.<name>.file': secret,
  'audit.sinks[].signing.env': secret,
  'audit.sinks[].signing.file': secret,
  'audit.sinks[].token': ['sinks/webhook-sink.test.ts', 'a batch arrives as one JSON array with its id'],
  'audit.sinks[].headers': ['sinks/webhook-sink.test.ts', 'a batch arrives as one JSON array with its id'],
  'audit.sinks[].signing': ['sinks/webhook-sink.test.ts', 'signed over what it is before it is compressed'],
  'audit.sinks[].gzip': ['sinks/webhook-sink.test.ts', 'signed over what it is before it is compressed'],
  'audit.sinks[].rules': ['sinks/masks.test.ts', 'the rules of a sink drop records and mask parts of them'],
  'audit.sinks[].brokers': kafkaGateway,
  'audit.sinks[].topic': kafkaGateway,
  'audit.sinks[].compression': kafkaGateway,
  'audit.sinks[].heartbeat': ['sinks/kafka.test.ts', 'a gateway without work sends its last checkpoint again'],
  'audit.sinks[].tls.ca': kafkaGateway,
  'audit.sinks[].tls.clientCertificate.certificate': kafkaGateway,
  'audit.sinks[].tls.clientCertificate.key': kafkaGateway,
  'audit.sinks[].tls.serverName': kafkaGateway,
  'audit.sinks[].sasl.mechanism': kafkaGateway,
  'audit.sinks[].sasl.username': kafkaGateway,
  'audit.sinks[].sasl.password': kafkaGateway,
  'audit.sinks[].sasl.password.env': secret,
  'audit.sinks[].sasl.password.file': kafkaGateway,
  'audit.sinks[].sasl.tokenFile': kafkaGateway,
  'audit.sinks[].attributes': otlpGateway,
}
/** By the titles of their tests; of each rule it has all keys. */
const everyRule = ['unit/detect-rules.test.ts', 'every rule can be off (enabled: false), have another severity'] as const
const ofItself = ['unit/detect-rules.test.ts', 'what the gateway says of itself is found as its rules say'] as const
const silenced = ['unit/detect-rules.test.ts', 'finds what it is for, and nothing where a setting says so'] as const
const ownTests: Readonly<Record<string, Shown>> = {
  'new-destination.every': ['unit/detect-rules.test.ts', 'new-destination says no more than one thing in the time of every'],
  'odd-hour.ratio': ['unit/detect-rules.test.ts', 'ratio of odd-hour counts from what the hour has usually'],
  'beaconing.fromStart': ['unit/detect-rules.test.ts', 'beaconing is noticed of integrations in fromStart'],
  'quota.share': ofItself,
  'expiry.within': ofItself,
  'exfiltration.minUpload': ['unit/detect.test.ts', 'watch.rules replaces settings by the rule’s name'],
}
const common = ['enabled', 'severity', 'contain', 'contain.state', 'contain.for', 'except']
const watchRuleKeys: Readonly<Record<string, Shown>> = Object.fromEntries(
  Object.entries(shippedRulesSchema.shape).flatMap(([rule, { shape }]) => [
    ...common.map((key): [string, Shown] => [`watch.rules.${rule}.${key}`, everyRule]),
    ...Object.keys(shape)
      .filter((key) => !common.includes(key))
      .map((key): [string, Shown] => [`watch.rules.${rule}.${key}`, ownTests[`${rule}.${key}`] ?? silenced]),
  ]),
)

const configKeys: Readonly<Record<string, Shown>> = {
  ...inBoth,
  apiVersion: ['flow/lifecycle.test.ts', 'a bad configuration aborts with 78 before any port is bound'],
  kind: ['unit/config-schema.test.ts', ' is told'],
  state: ['flow/fresh-machine.test.ts', 'the default policy decides and denies in every shape, and nothing is written outside the st'],
  trust: ['flow/trust.test.ts', 'the trust folder has the CA in each form, for every user to read and none to write'],
  integrations: ['flow/operator.test.ts', 'a folder of manifests that is not there is told as that'],
  'listeners[].name': proxy,
  'listeners[].address': ['flow/security-cases.test.ts', 'both address families: a gateway and an origin on ::1'],
  'listeners[].socket': ['flow/broker.test.ts', 'a listener that belongs to one integration identifies it, on a Unix socket too'],
  'listeners[].mode': unixSocket,
  'listeners[].group': unixSocket,
  'listeners[].integration': proxy,
  'listeners[].doors': ['flow/hostile-peers.test.ts', 'a caller that resets after a CONNECT that no door serves'],
  'services[].name': ['flow/services.test.ts', 'a request arrives below the service’s path'],
  'services[].url': ['flow/services.test.ts', 'a request arrives below the service’s path'],
  'services[].headers': ['flow/services.test.ts', 'a request arrives below the service’s path with the gateway’s credential'],
  'services[].headers.<name>.env': ['flow/services.test.ts', 'a request arrives below the service’s path with the gateway’s credential'],
  'services[].headers.<name>.file': secret,
  'services[].timeout': ['flow/services.test.ts', 'a service that is down, slow or breaks off is a 502, a 504 and a broken transfer'],
  ...timeouts('services[]'),
  'services[].addresses': ['flow/public-network.test.ts', 'what the operator names is found without a thread'],
  'policy.rules': ['flow/policy-change.test.ts', 'a WebSocket is cut by new rules on headers that no rule looked at'],
  'policy.maxMemoryPages': ['policy/engine.test.ts', 'a policy that loops is stopped by its memory, denies'],
  'policy.maxEvaluation': ['policy/engine.test.ts', 'a policy that loops without allocating is stopped in time, denies'],
  'policy.grants.builtins': ['flow/policy-outside.test.ts', 'without the grant such rules are refused when they are built'],
  'policy.grants.integration': ['flow/policy-outside.test.ts', 'a rule asks a service, as the integration that is granted it'],
  'policy.grants.timeout': ['flow/stuck-dials.test.ts', 'grants.timeout holds while what a rule asks for is resolved or dialled'],
  'policy.grants.maxCalls': ['flow/policy-outside.test.ts', 'more questions than are granted deny'],
  'policy.grants.maxReply': ['flow/policy-outside.test.ts', 'an answer that does not come, or is too large, denies'],
  'policy.shadow.rules': ['flow/bundles.test.ts', 'a shadow policy is compiled with the bundles, in place of the rules'],
  'policy.shadow.enforce': ['flow/policy-change.test.ts', 'an enforced shadow policy decides, and where it fails the active policy does'],
  'policy.shadow.maxEvaluation': ['flow/policy-change.test.ts', 'an enforced shadow policy that runs away is stopped at its own bound'],
  'policy.reference': ['flow/reference.test.ts', 'with the reference off it is not looked at'],
  'policy.reference.perSecond': ['unit/config-reports.test.ts', 'one decision per second is compared with the SDK by default'],
  'policy.servers[].name': bundleDefaults,
  'policy.servers[].url': ['policy/server.test.ts', 'asks below the path of the server, with its token and headers'],
  'policy.servers[].token': ['policy/server.test.ts', 'asks below the path of the server, with its token and headers'],
  'policy.servers[].token.env': bundleDefaults,
  'policy.servers[].token.file': secret,
  'policy.servers[].clientCertificate.certificate': tls,
  'policy.servers[].clientCertificate.key': ['flow/bundles.test.ts', 'a server behind TLS gets the client certificate and the token'],
  'policy.servers[].ca': tls,
  'policy.servers[].headers': ['policy/server.test.ts', 'asks below the path of the server, with its token and headers'],
  'policy.servers[].headers.<name>.env': bundleDefaults,
  'policy.servers[].headers.<name>.file': secret,
  'policy.servers[].timeout': ['policy/server.test.ts', 'waits no longer than it may, and stops when it is told to'],
  'policy.bundles[].name': bundleDefaults,
  'policy.bundles[].server': ['flow/bundles.test.ts', 'a server behind TLS gets the client certificate and the token'],
  'policy.bundles[].resource': bundleDefaults,
  'policy.bundles[].file': ['flow/bundles-local.test.ts', 'a folder is followed'],
  'policy.bundles[].folder': ['flow/bundles-local.test.ts', 'a folder is followed'],
  'policy.bundles[].polling.minDelay': ['flow/bundles.test.ts', 'a server that holds requests is asked once'],
  'policy.bundles[].polling.maxDelay': ['flow/bundles.test.ts', 'a server that holds requests is asked once'],
  'policy.bundles[].polling.longPollingTimeout': ['flow/bundles.test.ts', 'a server that holds requests is asked once'],
  'policy.bundles[].signing.key': ['policy/bundle-signatures.test.ts', 'refuses a private key where a public one belongs'],
  'policy.bundles[].signing.keyId': ['policy/bundle-signatures.test.ts', 'verifies EdDSA, with the key that the token names'],
  'policy.bundles[].signing.algorithm': ['policy/bundle-signatures.test.ts', 'verifies what "opa build" signed with '],
  'policy.bundles[].signing.scope': ['policy/bundle-signatures.test.ts', 'verifies the WebAssembly and the scope that opa signed'],
  'policy.bundles[].maxSize': ['flow/bundles.test.ts', 'deltas that come to more than a bundle may have are followed by a snapshot'],
  'policy.labels': ['flow/decision-log.test.ts', 'a decision is told as OPA tells it, field for field'],
  'policy.decisionLog.server': reports,
  'policy.decisionLog.resource': reports,
  'policy.decisionLog.minDelay': ['flow/decision-log.test.ts', 'a gateway whose server is away answers all the same'],
  'policy.decisionLog.maxDelay': ['flow/decision-log.test.ts', 'a gateway whose server is away answers all the same'],
  'policy.decisionLog.uploadSizeLimit': ['flow/decision-log.test.ts', 'no length and no depth of a request keeps it out of the log'],
  'policy.decisionLog.bufferSize': ['flow/decision-log.test.ts', 'a gateway whose server is away answers all the same'],
  'policy.decisionLog.maxDecisionsPerSecond': [
    'flow/decision-log.test.ts',
    'decisions beyond the configured rate are counted instead of reported',
  ],
  'policy.decisionLog.maxEvaluation': [
    'flow/decision-log.test.ts',
    'an event whose masks fail is told of without what they might have masked',
  ],
  'policy.status.server': reports,
  'policy.status.resource': reports,
  'policy.status.minDelay': ['flow/status.test.ts', 'the status says how the decision log fares'],
  'policy.status.maxDelay': ['flow/status.test.ts', 'the status says how the decision log fares'],
  'admin.health': ['flow/operator.test.ts', 'the health port knows three paths'],
  'admin.socket': ['flow/operator.test.ts', 'the operator’s socket is 0600 and answers; on TCP it wants its token and no browser'],
  'admin.tcp.address': ['flow/operator.test.ts', 'on TCP it wants its token and no browser'],
  ...administrators('admin.tokens[]', ['unit/operators.test.ts', 'a token has the name and role of its entry']),
  'admin.tokens[].token': adminToken,
  'admin.tokens[].token.env': ['unit/config-admin.test.ts', 'a token is a secret of the configuration, or its hash'],
  'admin.tokens[].token.file': adminToken,
  'admin.tokens[].sha256': adminToken,
  'admin.tcp.dashboard.hosts': ['flow/dashboard-tcp.test.ts', 'a host that is not in admin.tcp.dashboard.hosts is refused'],
  'admin.tcp.tls.certificate': adminCertificate,
  'admin.tcp.tls.key': adminCertificate,
  'admin.tcp.tls.clientCa': adminCertificate,
  ...administrators('admin.certificates[]', ['unit/operators.test.ts', 'a certificate is known by its subject']),
  'admin.certificates[].subject': adminCertificate,
  'admin.certificates[].san': adminCertificate,
  'admin.oidc.issuer': jwt,
  'admin.oidc.audience': jwt,
  'admin.oidc.jwks.url': ['flow/admin-access.test.ts', 'access tokens of an OpenID Connect provider give the role of their claims'],
  'admin.oidc.jwks.ca': adminOidc,
  'admin.oidc.jwks.timeout': adminOidc,
  'admin.oidc.jwks.file': adminOidc,
  'admin.oidc.algorithms': ['unit/operators.test.ts', 'no algorithm but those of the configuration, and no key but the provider’s'],
  'admin.oidc.clockSkew': jwt,
  'admin.oidc.nameClaim': jwt,
  'admin.oidc.roles[].claim': jwtRole,
  'admin.oidc.roles[].value': jwtRole,
  'admin.oidc.roles[].role': jwtRole,
  'admin.oidc.roles[].personal': jwtRole,
  'admin.tcp.token': ['flow/operator.test.ts', 'on TCP it wants its token and no browser'],
  'admin.tcp.token.env': ['flow/operator.test.ts', 'on TCP it wants its token and no browser'],
  'admin.tcp.token.file': secret,
  'audit.folder': ['fault/lock.test.ts', 'a second gateway with the same audit folder alone does not start either'],
  'audit.input': ['flow/recorded-bodies.test.ts', 'with audit.input a decision has what the policy saw, masked'],
  'audit.bodyHashes': ['flow/recorded-bodies.test.ts', 'a settlement has the hash of both bodies, however they came'],
  'audit.index': ['flow/audit-index.test.ts', 'with audit.index a process keeps the index current, and is gone with its gateway'],
  'audit.personal': ['flow/log-stream.test.ts', 'what is personal is masked for who has no right to it'],
  'audit.witness.url': ['sinks/witness.test.ts', 'each checkpoint is cosigned as the log grows, over restarts'],
  'audit.witness.key': ['sinks/witness.test.ts', 'nothing that is not a cosignature of this checkpoint by this witness is kept'],
  'audit.maxSegment': ['flow/configured-bounds.test.ts', 'the audit log goes on in another file once one has audit.maxSegment'],
  'audit.key.file': ['fault/audit-key.test.ts', 'a key from a variable signs the log as one from a file does'],
  'audit.key.env': ['fault/audit-key.test.ts', 'a key from a variable signs the log as one from a file does'],
  ...Object.fromEntries(
    [
      'url',
      'key',
      'mount',
      'namespace',
      'token',
      'token.env',
      'ca',
      'clientCertificate.certificate',
      'clientCertificate.key',
      'timeout',
    ].map((key): [string, Shown] => [
      `audit.signer.vault.${key}`,
      ['fault/vault-signer.test.ts', 'a gateway signs by Vault as sallyport.yaml says: its address, TLS, namespace, mount, key and token'],
    ]),
  ),
  'audit.signer.vault.token.file': ['fault/vault-signer.test.ts', 'a token that is put into its file is used from the next signature on'],
  'audit.durability': ['unit/pipeline.test.ts', 'with audit.durability strict the effect waits for its record'],
  ...sinkKeys,
  ...telemetryKeys,
  'http.maxStreams': ['flow/http2-proxy.test.ts', 'no more streams are open at once than http.maxStreams'],
  'http.http2': ['flow/http2.test.ts', 'a gateway that offers no HTTP/2 is asked in HTTP/1.1'],
  'http.maxHeader': ['flow/header-bytes.test.ts', 'a head is bounded by its bytes and not by how many headers it has'],
  'http.headersTimeout': ['flow/intercept.test.ts', 'a head that is trickled is refused when its time is over'],
  'http.keepAlive': ['flow/connection-shares.test.ts', 'what is idle gives way before what is in use'],
  'http.maxConnections': ['flow/connection-shares.test.ts', 'an integration that holds every connection in use gives one to another'],
  'http.maxUnidentifiedConnections': unidentified,
  'http.connectTimeout': ['unit/egress.test.ts', 'one deadline holds in every state of a dial'],
  'http.originTimeout': ['flow/ends-of-exchanges.test.ts', 'whichever side ends an exchange, it is settled as the table says'],
  'websockets.idleTimeout': ['flow/service-upgrade.test.ts', 'an idle WebSocket is cut on both sides'],
  'websockets.maxMessage': ['flow/websockets.test.ts', 'the gateway’s own maxMessage holds where a capability sets none'],
  'websockets.messagesPerSecond': ['flow/slow-bytes.test.ts', 'messages pass no faster than their rate'],
  'http.idleTimeout': ['flow/ends-of-exchanges.test.ts', 'whichever side ends an exchange, it is settled as the table says'],
  'http.lingerTimeout': ['flow/ends-of-exchanges.test.ts', 'whichever side ends an exchange, it is settled as the table says'],
  'http.maxLinger': ['flow/configured-bounds.test.ts', 'is read on for http.maxLinger and no further'],
  'http.maxRequest': ['flow/configured-bounds.test.ts', 'http.maxRequest and http.maxReply bound a body'],
  'http.maxReply': ['flow/configured-bounds.test.ts', 'http.maxRequest and http.maxReply bound a body'],
  'http.maxPolicyBody': [
    'policy/renewal.test.ts',
    'as large as http.maxPolicyBody lets one be is decided with the limits that are the default',
  ],
  'http.maxPolicyBodies': ['flow/body-shares.test.ts', 'bodies that never end take their integration'],
  'http.originCa': ['flow/system-roots.test.ts', 'is trusted without http.originCa, and another is not'],
  'http.dns.minTtl': ['unit/kept-names.test.ts', 'minTtl lengthens a time to live, maxTtl shortens it'],
  'http.dns.maxTtl': [
    'flow/kept-names.test.ts',
    'an answer whose maxTtl is over is used for the time of stale while the name servers fail',
  ],
  'http.dns.negativeTtl': ['flow/kept-names.test.ts', 'a missing name is asked for once within negativeTtl'],
  'http.dns.stale': ['flow/kept-names.test.ts', 'beyond the time of stale the request fails with its name servers'],
  'http.dns.maxNames': ['flow/kept-names.test.ts', 'with maxNames: 0 each request asks'],
  'http.dnsServers': ['flow/policy-outside.test.ts', 'the addresses of a name are asked for down the same path'],
  ...watchRuleKeys,
  ...receiverKeys,
  'containment.throttle': [
    'flow/containment.test.ts',
    'a throttled integration has the configured share of its rates and its concurrency, over a restart too',
  ],
  'containment.approval': ['flow/containment.test.ts', 'a kill that needs approval waits for a second operator, and so does its end'],
  drainTimeout: ['flow/lifecycle.test.ts', 'live work that does not end within the drain timeout is cut'],
  'log.level': ['flow/no-secrets.test.ts', 'no secret of a request or of the configuration is in the log'],
}

/** Keys that hold a value; what has keys below, or is not available, holds none. */
function valueKeys(page: string): readonly string[] {
  return [...(derived()[page] ?? '').matchAll(/^\| `([^`]+)`[^|]* \| ([^|]*(?:\\\|[^|]*)*) \|/gm)]
    .filter(([, , value = '']) => !/keys below$|^nothing$/.test(value) || /or keys below$/.test(value))
    .map(([, key = '']) => key)
}

for (const [page, table] of [
  ['reference/manifest.md', manifestKeys],
  ['reference/configuration.md', configKeys],
] as const) {
  test(`every key of docs/${page} names the test that shows it, and no other does`, () =>
    assert.deepEqual(Object.keys(table).sort(), [...valueKeys(page)].sort()))

  for (const [key, [file, title]] of Object.entries(table))
    test(`${page}: ${key} is shown by a test that is there and says it`, () => {
      const text = readFileSync(join(root, 'test', file), 'utf8')
      const titles = [...text.matchAll(/\b(?:test|compilerTest|opaTest|run)\(\s*(['"`])(.*?)\1,/gs)].map(([, , named = '']) => named)
      assert.ok(title !== '' && titles.some((item) => item.includes(title)), `test/${file} has no test "${title}"`)
      const last = key.split('.').at(-1)?.replace('[]', '') ?? ''
      assert.ok(text.toLowerCase().includes(last.toLowerCase()), `test/${file} does not name "${last}"`)
    })
}
