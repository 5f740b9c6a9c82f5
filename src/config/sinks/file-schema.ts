/** Sinks that are a file or standard output. */
import { z } from 'zod'
import type { Sourced } from '../sourced-schema.ts'
import { commonKeys } from './shared-keys.ts'

export const fileSchema = (sourced: Sourced) =>
  z.strictObject({
    type: z.literal('file').describe('A file of JSON lines.'),
    ...commonKeys(sourced),
    path: sourced.path('The file; made where it is not there. It may be renamed at any time, as logrotate does.'),
  })

export const stdoutSchema = (sourced: Sourced) =>
  z.strictObject({ type: z.literal('stdout').describe('JSON lines on standard output.'), ...commonKeys(sourced) })
