/** `sallyport token NAME`: a new proxy token, shown once, and what to put into the manifest. */
import { hash, randomBytes } from 'node:crypto'

export function token(name: string): string {
  const made = randomBytes(32).toString('base64url')
  return `token (shown this once; give it to "${name}", it is stored nowhere):
  ${made}

into the manifest of "${name}":
identity:
  tokens:
    - sha256: ${hash('sha256', made)}
`
}
