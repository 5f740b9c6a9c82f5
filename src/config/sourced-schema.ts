/** Schema parts whose values come from outside the file: paths and secrets. */
import { z } from 'zod'
import { problemOfSocketPath } from './endpoints.ts'
import type { Found, Sources } from './sources.ts'

const variable = z.strictObject({
  env: z
    .string()
    .regex(/^[A-Za-z_]\w*$/, 'expected the name of an environment variable: letters, digits and "_"')
    .describe('Environment variable that holds it.'),
})

export function createSourced(sources: Sources) {
  const path = (meaning: string) =>
    z
      .string()
      .meta({ title: 'path' })
      .min(1)
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the spelling that users write
      .describe(`${meaning} Relative to this file; \`${'${NAME}'}\` is replaced from the environment.`)
      .transform((given, context) => taken(sources.path(given), context))

  const socket = (meaning: string) =>
    path(meaning).superRefine((given, context) => {
      const problem = problemOfSocketPath(given)
      if (problem !== null) context.addIssue({ code: 'custom', message: problem })
    })

  /** A folder that is there: what is read from it is read at the start. */
  const folder = (meaning: string) => path(meaning).refine((given) => sources.isFolder(given), 'there is no such folder')

  /** Read at the start, so that a typing error does not show as a failed handshake much later. */
  const certificates = (meaning: string) =>
    path(meaning).superRefine((given, context) => {
      const problem = sources.problemOfCertificates(given)
      if (problem !== null) context.addIssue({ code: 'custom', message: problem })
    })

  /** The text of such a file. */
  const certificateText = (meaning: string) => certificates(meaning).transform((given, context) => taken(sources.text(given), context))

  const privateKeyText = (meaning: string) => path(meaning).transform((given, context) => taken(sources.privateKey(given), context))

  /** A file that may not be there yet, or the text of such a key in a variable. */
  const privateKeySource = (meaning: string) =>
    z
      .union(
        [z.strictObject({ file: z.string().min(1).describe('File of the key, for its owner alone; the first start makes it.') }), variable],
        'expected { file: path } or { env: NAME }',
      )
      .describe(meaning)
      .transform((source, context) =>
        'file' in source ? { file: taken(sources.path(source.file), context) } : { pem: taken(sources.privateKeyIn(source.env), context) },
      )

  const text = (meaning: string) => path(meaning).transform((given, context) => taken(sources.text(given), context))

  /** Never inline: a secret in a file that people copy is a secret lost. */
  const secretSource = (meaning: string) =>
    z
      .union(
        [variable, z.strictObject({ file: z.string().min(1).describe('File that holds it; a newline at its end is dropped.') })],
        'expected { env: NAME } or { file: path }; a secret is never in this file',
      )
      .meta({ title: 'secret' })
      .describe(meaning)

  const secret = (meaning: string) => secretSource(meaning).transform((source, context) => taken(sources.secret(source), context))

  /** A secret whose file may hold another one later. */
  const renewedSecret = (meaning: string) =>
    secretSource(meaning).transform((source, context) => ({
      value: taken(sources.secret(source), context),
      file: 'file' in source ? taken(sources.path(source.file), context) : null,
    }))

  return {
    path,
    renewedSecret,
    socket,
    folder,
    certificates,
    certificateText,
    privateKeyText,
    privateKeySource,
    text,
    secret,
    hidden: sources.hidden,
  }
}

/** `file`: absolute; `null`: it stays. */
export type RenewedSecret = { readonly value: string; readonly file: string | null }

export type Sourced = ReturnType<typeof createSourced>
export type Secret = ReturnType<typeof createSourced>['secret']

function taken(found: Found, context: z.RefinementCtx): string {
  if ('value' in found) return found.value
  context.addIssue({ code: 'custom', message: found.problem })
  return z.NEVER
}
