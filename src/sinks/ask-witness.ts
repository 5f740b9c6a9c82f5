/** Asks a witness for its cosignature of a checkpoint, with the proof that the log has grown out of what it saw last (c2sp.org/tlog-witness). */
import { createServerClient } from '../bundles/index.ts'
import type { WitnessConfig } from '../config/index.ts'
import { createOperatorLookup } from '../egress/index.ts'
import { openProver, ProofError, parseVerifierKey, verifyCosignatures } from '../proof/index.ts'

export interface Witness {
  /** The newest checkpoint with the witness's lines, verified. Rejects with what keeps it from being cosigned. */
  cosign(folder: string, signal: AbortSignal): Promise<Cosigned>
  close(): Promise<void>
}

export interface Cosigned {
  readonly origin: string
  readonly size: number
  readonly note: string
}

/** A line for each of its keys. */
const maxReplyBytes = 64 * 1024
const timeoutMs = 10_000

const problems: Readonly<Record<number, string>> = {
  403: 'does not take the key that the log is signed with: give it the file verifier-key of the log',
  404: 'does not know the log: give it the file verifier-key of the log',
  422: 'says that the log has not grown out of what it saw before: keep the log as evidence, and verify it',
}

export function createWitness({ url, key: keyText }: WitnessConfig): Witness {
  const key = parseVerifierKey(keyText)
  const server = createServerClient(
    {
      name: 'witness',
      url: new URL(url),
      bearer: null,
      clientCertificate: null,
      ca: null,
      timeoutMs,
      headers: [],
    },
    createOperatorLookup(),
  )
  const address = server.urlOf('add-checkpoint')
  /** Of the log that it has cosigned last: how many records. */
  let known: { readonly origin: string; readonly size: number } | null = null

  return {
    async cosign(folder, signal) {
      const prover = openProver(folder)
      try {
        const { checkpoint } = prover
        const { origin, size, note, text } = checkpoint
        let older = known?.origin === origin ? known.size : 0
        // What it saw last may be of an earlier run, or of another gateway with a copy of this log: it says so, once.
        for (let isFirst = true; ; isFirst = false) {
          const hashes = older === 0 ? [] : prover.consistency({ size: older, root: prover.root(older) }, checkpoint)
          const body = Buffer.from([`old ${older}`, ...hashes.map((hash) => hash.toString('base64')), '', note].join('\n'))
          const reply = await server.request({ method: 'POST', path: 'add-checkpoint', maxBytes: maxReplyBytes, signal, body })
          const answer = reply.body.toString('utf8')
          if (reply.status === 200) {
            const lines = verifyCosignatures(text, answer, key).map(({ line }) => line)
            known = { origin, size }
            return { origin, size, note: `${note}${lines.join('')}` }
          }
          const seen = reply.status === 409 ? sizeFrom(answer) : null
          if (seen === null) throw new ProofError(`${address} ${problems[reply.status] ?? `answers with ${reply.status}`}`)
          if (seen > size) throw new ProofError(`${address} has seen ${seen} records of this log, which has ${size}: it was rolled back`)
          if (!isFirst || seen === older) throw new ProofError(`${address} has seen another log of the same name and ${seen} records`)
          older = seen
        }
      } finally {
        prover.close()
      }
    },
    close: () => server.close(),
  }
}

function sizeFrom(body: string): number | null {
  return /^(?:0|[1-9]\d{0,14})\n$/.test(body) ? Number(body) : null
}
