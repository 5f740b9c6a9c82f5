/** The pages of docs/policy/, and what stands in their code blocks. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './installation.ts'

export interface Block {
  /** `first-rule.md`, and the line of the block for messages. */
  readonly page: string
  readonly line: number
  readonly language: string
  /** The file that the paragraph before it names: `` `rules/orders.rego`: ``. */
  readonly file: string | null
  readonly text: string
}

const folder = join(root, 'docs/policy')

export const pages: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
)

export const blocks: readonly Block[] = Object.entries(pages).flatMap(([page, text]) =>
  [...text.matchAll(/^( *)```(\w+)\n([\s\S]*?)^\1```$/gm)].map(({ 1: indent = '', 2: language = '', 3: content = '', index }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    language,
    file: /(?:^|\n)`([^`\n]+)`[^`\n]*:\n\n$/.exec(text.slice(0, index))?.[1] ?? null,
    text: content.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  })),
)

/** `sallyport …` as it stands in a block or between backquotes, with the page it is on. */
export const commandLines: readonly { readonly page: string; readonly words: readonly string[] }[] = Object.entries(pages).flatMap(
  ([page, text]) =>
    [...text.matchAll(/^ *(?:\$ )?(sallyport [^\n]*)$|`(sallyport [^`\n]+)`/gm)].map(({ 1: line, 2: inline }) => ({
      page,
      words: (line ?? inline ?? '')
        .split(/ [|>] /, 1)[0]
        ?.split(' ')
        .slice(1) as string[],
    })),
)
