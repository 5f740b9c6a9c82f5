/** The records of what is neither a request nor asked for by an operator: the gateway's own life, its policy and its log. */
import { count, flag, hex, integration, type MemberSchema, oneOf, optional, type RecordType, text, time } from './members.ts'

const revision = text('of the policy and data', 200)
const someone = (description: string): MemberSchema => integration(description)

export const operation: Readonly<Record<string, RecordType>> = {
  started: {
    description: 'The gateway, or a command that writes here while none runs, has opened the log.',
    members: {
      schema: count(
        'version of these schemas: it changes where a member changes its meaning or goes; members that are added do not change it',
      ),
      version: text('of Sallyport', 64),
      pid: count('of the process'),
      cutBytes: count('of a line torn by a crash, kept beside the log'),
      unsettled: count('requests that the run before decided and never settled'),
      unsettledIds: { description: 'their ids, at most 100', type: 'array', items: { type: 'string', maxLength: 200 } },
    },
  },
  stopped: { description: 'The log was closed in order.', members: { records: count('of the log') } },
  activated: {
    description: 'Manifests, rules and bundles are in force. A reload that changed nothing has no record.',
    members: {
      revision,
      integrations: count('with a manifest'),
      how: oneOf('it came', ['start', 'reload', 'activate', 'rollback', 'bundle']),
      by: text('`folders` (a file changed), `signal`, `operator` (a command), or the bundle’s name', 300),
      from: optional(text('who the operator is (what proved it, and `who` of `acted`); or the server or folder that the bundle came from')),
      previous: optional(text('the revision before; absent where there was none', 200)),
      files: optional(text('manifests and rules that are otherwise than in the set before, at most 50 of each; not at the start')),
      reference: text(
        'the comparison with OPA’s own SDK before the activation: `38 inputs checked, 2 skipped (function 2)`, or `off`',
        600,
      ),
      changed: optional(
        text(
          'what changed for which integration, of its manifest or of what that leaves to sallyport.yaml: `weather: network, tokens; mail: added`',
        ),
      ),
      warnings: optional(text('rules that look at data which nothing provides, one per line', 1100)),
    },
  },
  rejected: {
    description: 'New manifests, rules or a bundle cannot be used; what was in force stays.',
    members: { problem: text('why'), bundle: optional(text('where it is one', 300)) },
  },
  access: {
    description: 'Who may come in has changed by a manifest.',
    members: {
      integration: someone('whose manifest it is'),
      change: oneOf('its manifest has other tokens, is new, or was removed', ['tokens', 'admitted', 'removed']),
    },
  },
  shadow: {
    description: 'A shadow policy was prepared, or is bad.',
    members: {
      revision: optional(revision),
      enforcePercent: optional({ description: 'of the requests that it decides', type: 'number', minimum: 0 }),
      problem: optional(text('what is wrong with it')),
    },
  },
  difference: {
    description: 'The shadow policy decides this request otherwise.',
    members: {
      id: text('of the request', 200),
      integration: someone('that called'),
      kind: text('of the request', 64),
      action: text('of the request', 600),
      origin: optional(text('that it asks')),
      path: optional(text('that it asks for')),
      active: flag('the decision of the active policy'),
      activeRule: text('that decided', 1100),
      activeReasons: optional(text('why')),
      shadow: flag('the decision of the shadow policy'),
      shadowRule: text('that decided', 1100),
      shadowReasons: optional(text('why')),
      shadowRevision: revision,
      enforced: optional(flag('the shadow’s decision is in force for this request')),
    },
  },
  reference: {
    description: 'OPA’s own SDK answers this evaluation differently.',
    members: {
      id: text('of the request, or `reference` for a comparison before an activation', 200),
      integration: text('whose request it is', 200),
      revision,
      input: text('masked, and cut after 2000 characters'),
      gateway: text('the gateway’s answer'),
      sdk: text('the SDK’s answer'),
    },
  },
  revoked: {
    description:
      'An open tunnel or WebSocket was cut, because it is no longer allowed or its caller no longer proves who it is (`identity/revoked`).',
    members: {
      id: text('of the request that opened it', 200),
      integration: someone('whose it was'),
      rule: text('that no longer allows it', 1100),
      revision,
    },
  },
  breaker: {
    description: 'A circuit breaker changed its state.',
    members: {
      integration: text('whose requests it is for', 200),
      origin: text('the destination'),
      state: oneOf('since then', ['closed', 'open', 'half-open']),
    },
  },
  pruned: {
    description: 'Whole bundles of records are let go, as `audit.keep` says or by hand; their hashes stay. Written before anything goes.',
    members: {
      below: count('index of the first record that stays'),
      to: optional(text('the archive that they are moved to; absent: they are removed')),
      why: text('what lets them go'),
    },
  },
  finding: {
    description: 'A scheduled review has found something that no review found before ([review](../audit/review.md)).',
    members: {
      finding: text('its id: the same thing has the same one'),
      check: text('that found it'),
      severity: oneOf('of the finding', ['high', 'medium', 'low']),
      integration: optional(someone('that it is about; absent: the gateway, or callers that did not identify themselves')),
      title: text('what was found'),
      why: text('why it is a finding'),
      records: text('indexes of the records that show it, with spaces between them'),
    },
  },
  reviewed: {
    description: 'A scheduled review of the log.',
    members: {
      since: time('where its window begins'),
      until: time('where its window ends'),
      records: count('in the window'),
      findings: count('in all'),
      newFindings: count('that no review found before, and that are recorded'),
    },
  },
  'sink-refused': {
    description: 'A sink refused records for good; it does not get them.',
    members: {
      sink: text('its name', 63),
      records: text('their numbers: `3-5,9`; empty where it was a checkpoint', 32_000),
      count: count('of them'),
      why: text('as the receiver says it'),
    },
  },
  'sink-gap': {
    description: 'Records were removed from the log before a sink had them, or another log is in its place.',
    members: {
      sink: text('its name', 63),
      origin: text('of the log that they were in', 300),
      from: count('the first of them'),
      to: optional(count('the last of them; absent where that is not known')),
      why: text('which of the two'),
    },
  },
  migrated: {
    description: 'The first record of a log in whose folder there is a log of before, a chain of segments, which was closed as it was.',
    members: {
      head: hex('SHA-256 of the last line of the chain', 64),
      records: count('of the chain'),
      segments: count('of the chain'),
      closed: hex('SHA-256 of all segments, one behind the other', 64),
    },
  },
  continued: {
    description: 'The first record of a log: `sallyport audit continue` closed the one before, which did not hold.',
    members: {
      findings: count('in what was closed'),
      firstFinding: text('the first of them'),
      checkpoint: {
        description: 'the last one of the closed log that is signed by its key; `null`: none is',
        type: ['object', 'null'],
        properties: { origin: text('of the log', 300), size: count('records that it covers'), root: text('of the tree, in base64', 44) },
        additionalProperties: false,
      },
      folder: text('that everything closed was moved to, below the log’s folder', 100),
      closed: hex('SHA-256 of what `find * -type f | LC_ALL=C sort | xargs sha256sum` prints there', 64),
      by: text('the user of this machine', 300),
      reason: text('that was given'),
    },
  },
}
