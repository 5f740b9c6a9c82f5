/** The structure of src/: floors, faces, and files that are one idea (docs: CONTRIBUTING.md). */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { root } from '../support/installation.ts'

const src = join(root, 'src')

/** Top to bottom; a file imports only from lower floors. What stands on one floor never imports each other. */
const floors: readonly (readonly string[])[] = [
  ['main', 'cli'],
  ['gateway', 'authoring', 'fleet'],
  ['ingress', 'admin'],
  ['pipeline', 'dashboard'],
  ['sinks', 'review', 'operators', 'incidents'],
  ['reporting', 'rollout', 'query', 'watcher', 'otlp'],
  ['policy', 'alerts', 'processes', 'signing', 'signing'],
  ['reference', 'bundles', 'detect'],
  [
    'opa',
    'manifests',
    'access',
    'limits',
    'resources',
    'redact',
    'audit',
    'usage',
    'watch',
    'containment',
    'holds',
    'connections',
    'certs',
  ],
  ['settlement', 'websocket'],
  ['egress'],
  ['config', 'telemetry', 'sockets', 'shares'],
  ['files', 'canonical', 'records', 'proof', 'kafka'],
  ['text'],
  ['core'],
  ['version', 'node-http'],
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

/** Folders of src that hold the file, outermost first: `opa/wasm/meter.ts` → `opa`, `opa/wasm`. */
const foldersOf = (path: string) =>
  path
    .split('/')
    .slice(0, -1)
    .map((_, depth, names) => names.slice(0, depth + 1).join('/'))

test('another folder, a nested one too, is entered only by its face', () => {
  const wrong = sources.flatMap((source) =>
    local(source).flatMap(({ target }) => {
      const entered = foldersOf(target).find((folder) => !source.path.startsWith(`${folder}/`))
      return entered === undefined || target === `${entered}/index.ts` ? [] : [`${source.path} -> ${target}`]
    }),
  )
  assert.deepEqual(wrong, [])
})

test('insiders never import the face of a folder that they are in', () => {
  const wrong = sources.flatMap((source) =>
    local(source)
      .filter(({ target }) => foldersOf(source.path).some((folder) => target === `${folder}/index.ts`))
      .map(({ target }) => `${source.path} -> ${target}`),
  )
  assert.deepEqual(wrong, [])
})

/** Where two paths part: the folder of the first, and the folder of the other beside it; nothing where one is inside the other's. */
function foldersApart(path: string, other: string): readonly (readonly [string, string])[] {
  const [from, to] = [foldersOf(path), foldersOf(other)]
  const depth = from.findIndex((folder, index) => folder !== to[index])
  const [a, b] = [from[depth], to[depth]]
  return a === undefined || b === undefined ? [] : [[a, b]]
}

test('no two folders beside each other need one another, by whatever way', () => {
  const needs = sources.flatMap((source) => local(source).flatMap(({ target }) => foldersApart(source.path, target)))
  const byFolder = Map.groupBy(needs, ([folder]) => folder)
  assert.deepEqual(cyclesIn(new Map([...byFolder].map(([folder, all]) => [folder, [...new Set(all.map(([, other]) => other))]]))), [])
})

test('no folder holds more than an eighth of the code', () => {
  const lines = Map.groupBy(sources, ({ path }) => placeOf(path))
  const sizes = [...lines].map(([place, all]) => ({ place, lines: all.reduce((sum, { text }) => sum + text.split('\n').length, 0) }))
  const all = sizes.reduce((sum, size) => sum + size.lines, 0)
  assert.deepEqual(
    sizes.filter((size) => size.lines > all * 0.12),
    [],
  )
})

test('a face exports and does nothing', () => {
  eachCase(
    sources.filter(({ path }) => path.endsWith('index.ts')),
    ({ path, text }) => {
      const rest = text
        .replace(/\/\*\*.*?\*\//gs, '')
        .replace(/export (?:type )?(?:\*|\{[^}]*\}) from '[^']+'/g, '')
        .trim()
      assert.equal(rest, '', path)
    },
  )
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

test('there is no cycle', () =>
  assert.deepEqual(cyclesIn(new Map(sources.map((source) => [source.path, local(source).map(({ target }) => target)]))), []))

function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (node: string, trail: readonly string[]) => {
    if (trail.includes(node)) cycles.push([...trail.slice(trail.indexOf(node)), node].join(' -> '))
    else if (!done.has(node)) {
      for (const next of graph.get(node) ?? []) visit(next, [...trail, node])
      done.add(node)
    }
  }
  for (const node of graph.keys()) visit(node, [])
  return cycles
}

test('a file is one idea: it says what it is for, has a plain name, and stays below 300 lines', () => {
  eachCase(sources, ({ path, text }) => {
    assert.match(text, /^(?:#![^\n]*\n)?\/\*\*/, `${path} opens with what it is for`)
    assert.ok(text.split('\n').length <= 300, `${path} has more than 300 lines`)
    assert.match(path, /^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.d)?\.ts$/, path)
    assert.doesNotMatch(path, /(?:^|\/)(?:utils?|helpers?|common|types|misc)\.ts$/, path)
  })
})

test('no module keeps state, and nobody waves the compiler through', () => {
  eachCase(sources, ({ path, text }) => {
    assert.doesNotMatch(text, /^(?:export )?let /m, `${path} has module-level state`)
    assert.doesNotMatch(text, /@ts-(?:ignore|expect-error|nocheck)|\bas any\b|: any\b/, path)
  })
})

test('what verifies the audit log shares no code with what writes it: it imports nothing of ours', () =>
  assert.deepEqual(
    sources
      .filter(({ path }) => path.startsWith('proof/'))
      .flatMap((source) => local(source).map(({ target }) => `${source.path} -> ${target}`))
      .filter((arrow) => !/ -> proof\//.test(arrow)),
    [],
  ))
