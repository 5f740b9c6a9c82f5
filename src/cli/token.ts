/** `sallyport token NAME`: a new proxy token, shown once, and what to put into the manifest. */
import { hash, randomBytes } from 'node:crypto'
import { name as nameSchema } from '../config/index.ts'
import { CommandError, exitCodes } from './exit.ts'

export function token(name: string): string {
  const refused = nameSchema().safeParse(name).error
  if (refused !== undefined) throw new CommandError(`"${name}": ${refused.issues[0]?.message}`, exitCodes.usage)
  const made = randomBytes(32).toString('base64url')
  return `token (shown this once; give it to "${name}", it is stored nowhere):
  ${made}

into the manifest of "${name}":
identity:
  tokens:
    - sha256: ${hash('sha256', made)}
`
}
