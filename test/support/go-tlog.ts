/** Go's own implementation of transparency logs (golang.org/x/mod/sumdb), asked one thing after the other: `go-tlog/`. */
import { command } from './command.ts'

export interface GoAnswer {
  /** What it says is wrong; absent where it holds. */
  readonly problem?: string
  readonly vkey: string
  readonly notes: readonly string[]
  /** Base64. */
  readonly consistency: readonly (readonly string[])[]
  readonly records: readonly { readonly index: number; readonly record: string; readonly proof: readonly string[] }[]
}

/** Bytes are base64, as Go's JSON has them. */
export type GoRequest =
  | {
      readonly op: 'record'
      readonly vkey: string
      readonly note: string
      readonly index: number
      readonly record: string
      readonly proof: readonly string[]
    }
  | { readonly op: 'tree'; readonly vkey: string; readonly note: string; readonly older: string; readonly proof: readonly string[] }
  | { readonly op: 'tiles'; readonly vkey: string; readonly note: string; readonly folder: string; readonly indexes: readonly number[] }
  | { readonly op: 'make'; readonly sizes: readonly number[]; readonly indexes: readonly number[] }

export async function askGo(program: string, requests: readonly GoRequest[]): Promise<readonly GoAnswer[]> {
  const { code, stdout, stderr } = await command(program, [], { input: requests.map((request) => `${JSON.stringify(request)}\n`).join('') })
  if (code !== 0) throw new Error(stderr)
  // `command` gives bytes as Latin-1; notes have a dash that is not in it.
  const text = Buffer.from(stdout, 'latin1').toString('utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as GoAnswer)
}

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
