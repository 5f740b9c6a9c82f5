/** The records of what operators and auditors ask of the gateway. */
import { containmentStates } from '../../core/index.ts'
import { acts } from './acts.ts'
import { count, flag, integration, type MemberSchema, oneOf, optional, type RecordType, text, time } from './members.ts'

const reason = optional(text('that was given', 600))
const someone = (description: string): MemberSchema => integration(description)

/** Who asked on the operator's side. */
const principal = {
  who: text('that asked, as the configuration or the identity provider calls it', 300),
  role: oneOf('in which', ['viewer', 'auditor', 'operator']),
  by: oneOf('what proved it', ['socket', 'token', 'certificate', 'oidc']),
}

export const operators: Readonly<Record<string, RecordType>> = {
  acted: {
    description:
      'An operator asked for something by the API, or by a command that asks the API. It is on disk before the answer, behind the records of what came of it; what was refused or failed is recorded too.',
    members: {
      act: oneOf('what was asked for', acts),
      on: optional(text('that it is about: the integration, the revision, the hold')),
      reason: optional(text('that was given')),
      asked: optional({
        description: 'what else was asked, as it was written',
        type: 'object',
        additionalProperties: { type: 'string' },
      }),
      ok: flag('it was done'),
      problem: optional(text('why it was not')),
      revision: optional(text('that is active after it', 200)),
      ...principal,
      claimed: optional(text('who the command says its user is: a label, which proves nothing', 300)),
      peer: optional(text('address that it was asked from; absent for the socket', 200)),
    },
  },
  'operator-refused': {
    description:
      'Requests to the operator’s API that were turned away before they could ask for anything, counted per address and answer over ten seconds.',
    members: {
      peer: text('address that they came from; `local` for the socket, `other` for those of more than fifty addresses', 200),
      status: count(
        'that they were answered with: 401 nothing proved, 403 no role, or a browser, 400 a token in a URL, 503 keys of the provider out of reach',
      ),
      count: count('of them'),
      first: time('of the first'),
      last: time('of the last'),
    },
  },
  suspended: {
    description: 'An integration was suspended; the record `containment` beside it says by whom.',
    members: { integration: someone('that may not come in'), until: optional(time('when that ends; absent: until it is resumed')), reason },
  },
  resumed: { description: 'A suspension ended.', members: { integration: someone('that may come in again'), reason } },
  containment: {
    description: 'What an integration is held in has changed, or waits for a second operator ([containment](../watch/containment.md)).',
    members: {
      integration: optional(someone('that is meant; absent: all of them')),
      change: oneOf('what happened; `requested`: it waits for a second operator; `ended`: its time is over', [
        'set',
        'requested',
        'approved',
        'lifted',
        'ended',
      ]),
      before: oneOf('that was in force before', containmentStates),
      state: oneOf('that is in force now', containmentStates),
      asked: optional(oneOf('that was asked for, where it is not the one in force', containmentStates)),
      until: optional(time('when that ends; absent: when it is lifted')),
      reason,
      by: text('`rule:` and the rule’s name, `kill-file`, `kill-signal`, or the operator: `socket`, `token alice`', 400),
    },
  },
  'ca-rotated': {
    description:
      'An operator rotated the interception CA, of a gateway that runs or (between `started` and `stopped` of that command) that does not.',
    members: {
      fingerprint: text('SHA-256 of the new CA', 100),
      before: text('SHA-256 of the CA before', 100),
      overlapUntil: optional(time('until when clients of the CA before are kept working; absent: not at all')),
    },
  },
  read: {
    description:
      'The log was read over HTTP. A stream, and the tiles or checkpoints that one principal fetches within a minute, are one read: with a record at its beginning, for each minute in which something was given, and at its end. Records of reads are not counted.',
    members: {
      ...principal,
      what: text('of the log', 64),
      asked: optional({ description: 'filters and the like', type: 'object', additionalProperties: { type: 'string' } }),
      read: optional(text('that several records are of', 64)),
      state: optional(text('of that read: it `begins`, `goes on`, or how it ended', 100)),
      records: count('that were given: in that minute, and at the end all of them'),
    },
  },
  hold: {
    description: 'A legal hold: retention leaves these records, whatever their age.',
    members: {
      hold: text('its id', 64),
      from: count('index of the first record that is held'),
      to: optional(count('index of the last; absent: whatever comes')),
      integration: optional(someone('whose records are meant; absent: all')),
      record: count('no record about it has a lower index than this: it is held as well'),
      reason: text('that was given'),
      until: optional(time('when it ends by itself; absent: when it is released')),
      ...principal,
    },
  },
  released: {
    description: 'A legal hold was released.',
    members: { hold: text('its id', 64), reason: text('that was given'), ...principal },
  },
  incident: {
    description: 'An operator opened an incident, noted something on it, or closed it ([incidents](../watch/incidents.md)).',
    members: {
      id: text('of the incident', 64),
      act: oneOf('what was done', ['opened', 'noted', 'closed']),
      integration: optional(someone('that it is about; where it is opened')),
      title: optional(text('that was given')),
      from: optional(time('when what it is about began; where it is opened')),
      to: optional(time('when that was over; absent where it is opened: it goes on')),
      alert: optional(text('id of the alert that it was opened for', 200)),
      text: optional(text('the note, or why it was closed')),
      ...principal,
    },
  },
}
