/** The witness of the audit log, as sallyport.yaml says it. */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { plainUrl } from './remote.ts'

export const witnessSchema = () =>
  z.strictObject({
    url: plainUrl().describe('Its submission prefix: checkpoints are posted to `<url>/add-checkpoint`.'),
    key: z
      .string()
      .refine(
        isWitnessKey,
        'expected a verifier key of a witness, as it publishes it: <name>+<id>+<base64>, of an Ed25519 key of type 0x04',
      )
      .describe('Its verifier key, as it publishes it: `<name>+<id>+<base64>`.'),
  })

/** As sallyport.yaml states it. */
export type WitnessConfig = z.output<ReturnType<typeof witnessSchema>>

/** C2SP tlog-cosignature: one byte of type and 32 of the key, and an id that is made of all. */
function isWitnessKey(text: string): boolean {
  const [, name = '', id, encoded = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/u.exec(text) ?? []
  const typed = Buffer.from(encoded, 'base64')
  return typed[0] === 0x04 && hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'hex').startsWith(id ?? '-')
}
