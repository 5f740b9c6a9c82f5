/** `data.review`: what checks are given beside facts, with the defaults of rego/review/settings.json. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { JsonObject } from '../core/index.ts'
import { isTimeZone } from '../text/index.ts'
import { CheckError } from './finding.ts'

export const reviewRego = join(import.meta.dirname, '../../rego/review')

/** The shipped checks' own settings; a custom check may have others beside them. */
const schema = z.looseObject({
  off: z.array(z.string()),
  denialsPerMinute: z.int().positive(),
  unusedDays: z.int().positive(),
  officeHours: z.strictObject({
    timeZone: z.string().refine(isTimeZone, 'is not the name of a time zone, such as "Europe/Berlin"'),
    days: z.array(z.enum(['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])),
    from: z.int().min(0).max(24),
    to: z.int().min(0).max(24),
    except: z.array(z.string()),
  }),
})

export type ReviewSettings = JsonObject & z.output<typeof schema>

/** `file`: JSON or YAML, whose keys replace defaults; `null`: none. Throws `CheckError`. */
export async function readSettings(file: string | null): Promise<ReviewSettings> {
  const defaults = JSON.parse(await readFile(join(reviewRego, 'settings.json'), 'utf8')) as ReviewSettings
  if (file === null) return defaults
  const given: unknown = parse(await readGiven(file))
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new CheckError(`${file} is not an object of settings`)
  const { officeHours } = given as Partial<ReviewSettings>
  const merged = { ...defaults, ...given, officeHours: { ...defaults.officeHours, ...officeHours } }
  const result = schema.safeParse(merged)
  const [issue] = result.error?.issues ?? []
  if (issue !== undefined) throw new CheckError(`${file}: ${issue.path.join('.')}: ${issue.message}`)
  return merged as ReviewSettings
}

function readGiven(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CheckError(`${file} cannot be read: ${error.code}`)
  })
}
