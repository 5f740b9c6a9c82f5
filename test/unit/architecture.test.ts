/** The structure of src/: floors, faces, and files that are one idea (docs: CONTRIBUTING.md). */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { root } from '../support/installation.ts'

const src = join(root, 'src')

/** Top to bottom; a file imports only from lower floors. */
const floors: readonly (readonly string[])[] = [
  ['main', 'cli'],
  ['gateway'],
  ['operator'],
  ['govern', 'reach', 'reporting', 'recording', 'following', 'listeners', 'callers'],
  ['witness'],
  ['ingress', 'admin'],
  ['pipeline'],
  ['policy', 'access', 'limits', 'resources', 'redact', 'audit', 'usage', 'watch', 'certs'],
  ['telemetry', 'config', 'sockets', 'shares', 'settlement', 'folder-lock', 'write-atomically'],
  ['canonical'],
  ['core', 'version', 'node-http'],
]
/** Floors whose places may import one another: the command is one place in two files. */
const together = new Set(['main>cli'])

interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly { readonly from: string; readonly target: string }[]
}

const sources: readonly Source[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8')
    const specifiers = [
      ...text.matchAll(/(?:^|\n)(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g),
    ].map((match) => (match[1] ?? match[2]) as string)
    return {
      path,
      text,
      imports: specifiers.map((from) => ({ from, target: from.startsWith('.') ? relative(src, resolve(src, dirname(path), from)) : '' })),
    }
  })

const placeOf = (path: string) => path.split('/')[0]?.replace(/\.ts$/, '') ?? ''
const floorOf = (path: string) => floors.findIndex((floor) => floor.includes(placeOf(path)))
const local = (source: Source) => source.imports.filter(({ target }) => target !== '' && !target.startsWith('..'))

test('there is something to look at', () => assert.ok(sources.length > 50 && sources.some((source) => local(source).length > 0)))

test('nothing but types is imported from node:http, which would load all of Node’s fetch (src/node-http.ts)', () =>
  assert.deepEqual(
    sources.filter(({ text }) => /^import (?!type )[^'"]*from ['"]node:https?['"]/m.test(text)).map(({ path }) => path),
    [],
  ))

test('every file stands on a floor', () =>
  assert.deepEqual(
    sources.filter(({ path }) => floorOf(path) < 0).map(({ path }) => path),
    [],
  ))

test('a file imports only from lower floors, or from its own folder', () => {
  const wrong = sources.flatMap((source) =>
    local(source)
      .filter(
        ({ target }) =>
          placeOf(target) !== placeOf(source.path) &&
          floorOf(target) <= floorOf(source.path) &&
          !together.has(`${placeOf(source.path)}>${placeOf(target)}`),
      )
      .map(({ target }) => `${source.path} -> ${target}`),
  )
  assert.deepEqual(wrong, [])
})

/** Faces beside a place's own: what a running gateway does not load. */
const furtherFaces = new Set(['policy/author/index.ts'])

test('another folder is entered only by its face', () => {
  const wrong = sources.flatMap((source) =>
    local(source)
      .filter(
        ({ target }) =>
          placeOf(target) !== placeOf(source.path) &&
          target.includes('/') &&
          target !== `${placeOf(target)}/index.ts` &&
          !furtherFaces.has(target),
      )
      .map(({ target }) => `${source.path} -> ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('insiders never import their own folder’s face', () => {
  const wrong = sources.flatMap((source) =>
    local(source)
      .filter(({ target }) => target === join(dirname(source.path), 'index.ts'))
      .map(() => source.path),
  )
  assert.deepEqual(wrong, [])
})

test('a face exports and does nothing', () => {
  for (const { path, text } of sources.filter(({ path }) => path.endsWith('index.ts'))) {
    const rest = text
      .replace(/\/\*\*.*?\*\//gs, '')
      .replace(/export (?:type )?(?:\*|\{[^}]*\}) from '[^']+'/g, '')
      .trim()
    assert.equal(rest, '', path)
  }
})

test('core imports nothing but types of Node', () => {
  const wrong = sources
    .filter(({ path }) => path.startsWith('core/'))
    .flatMap(({ path, text, imports }) =>
      imports
        .filter(({ from, target }) => target === '' && !new RegExp(`import type [^\\n]*'${from}'`).test(text))
        .map(({ from }) => `${path} -> ${from}`),
    )
  assert.deepEqual(wrong, [])
})

test('there is no cycle', () => {
  const graph = new Map(sources.map((source) => [source.path, local(source).map(({ target }) => target)]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    else if (!done.has(path)) {
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
      done.add(path)
    }
  }
  for (const path of graph.keys()) visit(path, [])
  assert.deepEqual(cycles, [])
})

test('a file is one idea: it says what it is for, has a plain name, and stays below 300 lines', () => {
  for (const { path, text } of sources) {
    assert.match(text, /^(?:#![^\n]*\n)?\/\*\*/, `${path} opens with what it is for`)
    assert.ok(text.split('\n').length <= 300, `${path} has more than 300 lines`)
    assert.match(path, /^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.d)?\.ts$/, path)
    assert.doesNotMatch(path, /(?:^|\/)(?:utils?|helpers?|common|types|misc)\.ts$/, path)
  }
})

test('no module keeps state, and nobody waves the compiler through', () => {
  for (const { path, text } of sources) {
    assert.doesNotMatch(text, /^(?:export )?let /m, `${path} has module-level state`)
    assert.doesNotMatch(text, /@ts-(?:ignore|expect-error|nocheck)|\bas any\b|: any\b/, path)
  }
})
