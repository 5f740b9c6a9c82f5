/** JSON text as a value; its problems are reported by line, without the text, which may be a secret. */
import type { Json } from '../../core/index.ts'
import { NumberOutOfRange, parseJudgedJson } from '../../text/index.ts'
import type { BundleError } from './bundle-error.ts'

export function parseJson(text: string, problem: (what: string) => BundleError): Json {
  try {
    return parseJudgedJson(text)
  } catch (error) {
    if (error instanceof NumberOutOfRange)
      throw problem(`${error.message}, which readers take for infinity, null or zero; write it as a string`)
    const { message } = error as Error
    if (message.startsWith('Unexpected end')) throw problem('is not JSON: it ends in the middle')
    const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? []
    const [, token = '?'] = /^Unexpected token '(.)'/u.exec(message) ?? []
    throw problem(line === undefined ? `is not JSON: a "${token}" where none may stand` : `is not JSON at line ${line}, column ${column}`)
  }
}
