/** What changed of the rules, as unified text. */
import type { RegoSources } from '../opa/index.ts'

export interface RuleChange {
  readonly file: string
  readonly change: 'added' | 'removed' | 'changed'
  /** As `diff -u` writes it. */
  readonly diff: string
}

/** Rules of very different texts: beyond this they are shown as replaced, not searched for what they share. */
const maxEdits = 20_000

export async function diffRules(before: RegoSources, after: RegoSources): Promise<readonly RuleChange[]> {
  // A gateway never needs it.
  const { createTwoFilesPatch } = await import('diff')
  const files = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return files.flatMap((file) => {
    const [was, is] = [before[file], after[file]]
    if (was === is) return []
    const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed'
    const names = [was === undefined ? '/dev/null' : `a/${file}`, is === undefined ? '/dev/null' : `b/${file}`] as const
    return [{ file, change, diff: unified(createTwoFilesPatch, names, was ?? '', is ?? '') }]
  })
}

function unified(
  createTwoFilesPatch: typeof import('diff').createTwoFilesPatch,
  [from, to]: readonly [string, string],
  before: string,
  after: string,
): string {
  const options = {
    context: 3,
    maxEditLength: maxEdits,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  }
  const patch = createTwoFilesPatch(from, to, before, after, undefined, undefined, options)
  return patch ?? `--- ${from}\n+++ ${to}\n(too different to be shown line by line)\n`
}
