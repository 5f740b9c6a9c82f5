/** The schema of the audit log: where it is, and the key that signs it. */
import { z } from 'zod'
import type { AuditConfig } from './audit-config.ts'
import { besides } from './endpoints.ts'
import { keepFrom, keepKeys } from './keep-schema.ts'
import { size } from './quantities.ts'
import { reviewFrom, reviewSchema } from './review-schema.ts'
import { signerFromSchema, signerSchema } from './signer-schema.ts'
import { sinksSchema } from './sinks/index.ts'
import type { Sourced } from './sourced-schema.ts'
import type { StateFolder } from './state-folder.ts'
import { witnessSchema } from './witness-schema.ts'

const kibi = 1024
const mebi = 1024 ** 2

export function auditSchema(sourced: Sourced) {
  const { path, privateKeySource } = sourced
  return z
    .strictObject({
      folder: path('Folder of the log. Default `audit` in the state folder.').optional(),
      maxSegment: size(kibi, 256 * mebi, 'expected a size between 1KiB and 256MiB: a start reads the write-ahead file as a whole')
        .describe('A write-ahead file is closed at this size; 1KiB to 256MiB.')
        .prefault('64MiB'),
      durability: z
        .enum(['reply', 'strict'])
        .describe('`reply`: the record is on disk before the reply’s first byte. `strict`: before the effect begins.')
        .prefault('reply'),
      key: privateKeySource(
        'The Ed25519 key in PEM that signs checkpoints of the log. Default `{ file: audit.key }` in the state folder.',
      ).optional(),
      signer: signerSchema(sourced).describe('Who signs checkpoints in place of `audit.key`.').optional(),
      input: z
        .boolean()
        .describe(
          'Whether `decided` records hold the input that the policy was asked about, masked, in at most 16 KiB. It repeats what callers send, as far as rules look at it: headers and bodies too.',
        )
        .prefault(false),
      bodyHashes: z
        .boolean()
        .describe(
          'Whether `settled` records hold the SHA-256 of both bodies, of those that were delivered to their end. It costs about 1 ms of CPU per MB.',
        )
        .prefault(false),
      index: z
        .boolean()
        .describe(
          'Whether a process of low priority keeps the index current that questions to the log are answered from. Else each question does.',
        )
        .prefault(false),
      sinks: sinksSchema(sourced).describe('Where the records are shipped to, each on its own.').prefault([]),
      personal: z
        .array(
          z
            .string()
            .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'expected the name of a member of records')
            .refine((name) => !['seq', 'time', 'type'].includes(name), 'without seq, time and type a record is none'),
        )
        .describe(
          'Members of records, at any depth, that only principals with `personal: true` see over HTTP: `[path, query, peer, identity]`. Others get `[personal]` in their place, and cannot search by them.',
        )
        .prefault([]),
      ...keepKeys(sourced),
      review: reviewSchema(sourced).describe('Checks of the log on a schedule. Off where absent.').optional(),
      witness: witnessSchema()
        .describe(
          'Who cosigns the newest checkpoint (c2sp.org/tlog-witness), so that a log which is cut off or rolled back shows. None where absent.',
        )
        .optional(),
    })
    .refine(({ key, signer }) => key === undefined || signer === undefined, {
      error: 'expected one of audit.key and audit.signer',
      path: ['signer'],
      ...besides,
    })
}

export function auditFrom(given: z.output<ReturnType<typeof auditSchema>>, state: StateFolder): AuditConfig {
  return {
    folder: given.folder ?? state.audit,
    maxSegmentBytes: given.maxSegment,
    durability: given.durability,
    index: given.index,
    input: given.input,
    bodyHashes: given.bodyHashes,
    sinks: given.sinks,
    personal: given.personal,
    keep: keepFrom(given),
    archive: given.archive ?? null,
    reserveBytes: given.reserve,
    review: reviewFrom(given.review),
    witness: given.witness ?? null,
    key: given.signer === undefined ? (given.key ?? { file: state.auditKey }) : signerFromSchema(given.signer),
  }
}
