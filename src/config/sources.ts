/** What the configuration takes from outside its file: variables in paths, and secrets from the environment or from files. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readText } from './read-text.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type Found = { readonly value: string } | { readonly problem: string }
export type SecretSource = { readonly env: string } | { readonly file: string }

export interface Sources {
  /** Absolute; a relative path is resolved against the file's folder, `${NAME}` is replaced once. */
  path(given: string): Found
  secret(source: SecretSource): Found
  isFolder(path: string): boolean
  /** The unchanged text of a file. */
  text(path: string): Found
  /** A secret text: the redactor masks it. */
  hidden(text: string): void
  /** `null` where the file holds certificates in PEM, all of them readable. */
  problemOfCertificates(path: string): string | null
  /** The text of a private key in PEM, without a pass phrase. */
  privateKey(path: string): Found
  /** The same, in a variable of the environment. */
  privateKeyIn(variable: string): Found
}

/** A secret is a line, not a document. */
const maxSecretBytes = 64 * 1024

/** The bundles of whole systems are a quarter of a megabyte. */
const maxCertificatesBytes = 4 * 1024 * 1024

/** `secrets` grows with each secret that is read. */
export function createSources(file: string, env: Environment): Sources & { readonly secrets: readonly string[] } {
  const secrets: string[] = []

  function path(given: string): Found {
    const missing: string[] = []
    const expanded = given.replace(/\$\{([A-Za-z_]\w*)\}/g, (_whole, variable: string) => {
      const value = env[variable] ?? ''
      if (value === '') missing.push(variable)
      return value
    })
    if (missing.length > 0) return { problem: `the environment has no ${missing.join(', ')}` }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the spelling that users write
    const spelling = '${NAME}'
    // Looked for in what was written, so that a value is never read as a reference.
    if (given.replace(/\$\{[A-Za-z_]\w*\}/g, '').includes('${')) return { problem: `a variable is written ${spelling}` }
    if (/\p{Cc}/u.test(expanded)) return { problem: 'a path has no control characters' }
    return { value: resolve(dirname(file), expanded) }
  }

  function read(source: SecretSource): Found {
    if ('env' in source) {
      const value = env[source.env] ?? ''
      return value === '' ? { problem: `the environment has no ${source.env}, which should hold this secret` } : { value }
    }
    const place = path(source.file)
    if ('problem' in place) return place
    const content = readText(place.value, maxSecretBytes)
    if ('problem' in content) return { problem: `the secret's file ${content.problem}` }
    const value = content.text.replace(/\r?\n$/, '')
    return value === '' ? { problem: 'the secret’s file is empty' } : { value }
  }

  return {
    secrets,
    path,
    isFolder,
    text,
    hidden: (text) => void secrets.push(text),
    problemOfCertificates,
    privateKey(given) {
      const found = privateKey(given)
      if ('value' in found) secrets.push(found.value)
      return found
    },
    privateKeyIn(variable) {
      const found = read({ env: variable })
      if ('problem' in found) return found
      secrets.push(found.value)
      return problemOfPrivateKey(found.value) ?? found
    },
    secret(source) {
      const found = read(source)
      if ('problem' in found) return found
      // It goes into a header (RFC 9110 §5.5); anything after a line end would be a header of its own.
      if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(found.value))
        return { problem: 'the secret has a character that no header has, such as a line end inside' }
      secrets.push(found.value)
      return found
    },
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function text(path: string): Found {
  const content = readText(path, maxCertificatesBytes)
  return 'problem' in content ? content : { value: content.text }
}

function privateKey(path: string): Found {
  const found = text(path)
  return 'problem' in found ? found : (problemOfPrivateKey(found.value) ?? found)
}

function problemOfPrivateKey(pem: string): Found | null {
  try {
    createPrivateKey(pem)
    return null
  } catch {
    return { problem: 'holds no private key in PEM that can be read without a pass phrase' }
  }
}

function problemOfCertificates(path: string): string | null {
  const content = readText(path, maxCertificatesBytes)
  if ('problem' in content) return content.problem
  const blocks = content.text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? []
  try {
    for (const block of blocks) new X509Certificate(block)
    return blocks.length === 0 ? 'holds no certificate in PEM' : null
  } catch {
    return 'holds a certificate that cannot be read'
  }
}

/** Reads nothing and returns every value unchanged: for emitting the schema. */
export const noSources: Sources = {
  isFolder: () => true,
  text: () => ({ value: '' }),
  hidden: () => {},
  privateKey: () => ({ value: '' }),
  privateKeyIn: () => ({ value: '' }),
  problemOfCertificates: () => null,
  path: (value) => ({ value }),
  secret: () => ({ value: '' }),
}
