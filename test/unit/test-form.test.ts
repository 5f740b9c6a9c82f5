/** Tests read as claims: what a test does, it does in order. Loops and branches are in builders, in the fakes that it talks to, and in the predicates of properties. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseSync } from 'oxc-parser'
import { root } from '../support/installation.ts'

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string'
const childrenOf = (node: Node): readonly Node[] =>
  Object.values(node)
    .flatMap((value) => [value].flat())
    .filter(isNode)
const isFunction = ({ type }: Node) => /^ArrowFunctionExpression$|^Function/.test(type)

interface TestFile {
  readonly path: string
  readonly text: string
}

/** Functions whose callback is a part of the test itself. */
const steps = /^(?:test|compilerTest|\w+Test|eachCase|times)$/
const loops = /^(?:For|ForOf|ForIn|While|DoWhile)Statement$/
const branches = /^(?:If|Switch)Statement$/

/** Places in tests that read as a program. */
function found({ path, text }: TestFile): readonly string[] {
  const sourceOf = ({ start, end }: Node) => text.slice(start, end)
  const calleeOf = (node: Node) => sourceOf(node['callee'] as Node).split(/[.(]/)[0] ?? ''
  const isSkip = (node: Node) => branches.test(node.type) && /\bt\.(?:skip|diagnostic)\(/.test(sourceOf(node['consequent'] as Node))
  /** Where nothing must happen for a while in another process, the line in front says so. */
  const isExplained = ({ start }: Node) => /^\s*\/\/ /.test(text.slice(0, start).split('\n').at(-2) ?? '')
  const isSleep = (node: Node) =>
    node.type === 'AwaitExpression' && /^await (?:setTimeout|sleep|delay)\(/.test(sourceOf(node)) && !isExplained(node)
  const isWrong = (node: Node) => loops.test(node.type) || (branches.test(node.type) && !isSkip(node)) || isSleep(node)
  const place = (node: Node) => `${path}:${text.slice(0, node.start).split('\n').length} ${sourceOf(node).split('\n')[0]}`
  const within = (node: Node): readonly string[] => [
    ...(isWrong(node) ? [place(node)] : []),
    ...(isFunction(node) ? [] : childrenOf(node).flatMap(below(within))),
  ]
  /** A step's callback is walked as a part of the test; what stands outside of tests is only searched for them. */
  const below = (walk: (node: Node) => readonly string[]) => (node: Node) => {
    if (node.type !== 'CallExpression' || !steps.test(calleeOf(node))) return walk(node)
    return (node['arguments'] as readonly Node[]).flatMap((argument) =>
      isFunction(argument) ? within(argument['body'] as Node) : walk(argument),
    )
  }
  const outside = (node: Node): readonly string[] => childrenOf(node).flatMap(below(outside))
  return outside(parseSync(path, text).program as unknown as Node)
}

const fileOf = (body: string): TestFile => ({ path: 'a.test.ts', text: `test('x', async (t) => {\n${body}\n})` })

test('a loop, a branch and a sleep in a test are found, and those of a fake or of a skip are not', () => {
  const wrong = ['for (const a of []) a()', 'if (a) b()', 'await setTimeout(5)', 'eachCase([], () => { while (a) b() })']
  const right = ['if (a) return t.skip("no curl")', 'serve((req) => { if (req) answer() })', 'const a = b ? 1 : 2']
  assert.deepEqual(
    wrong.map((body) => found(fileOf(body)).length),
    [1, 1, 1, 1],
  )
  assert.deepEqual(right.map(fileOf).flatMap(found), [])
})

test('no test has a socket whose reset would end its process (test/support/sockets.ts)', () => {
  const paths = globSync('test/{differential,fault,flow,fuzz,policy,property,soak,support,unit}/**/*.ts', { cwd: root })
  const isBare = (path: string) => /\b(?:connect|createServer)\b[^}]*\} from 'node:net'/.test(readFileSync(join(root, path), 'utf8'))
  assert.deepEqual(paths.filter(isBare), [])
})

/** One test is a campaign of random rounds, whose number comes from outside. */
const campaigns: ReadonlySet<string> = new Set(
  [
    ...['first-start', 'full-disk', 'sigkill', 'sigkill-recording', 'usage-kept', 'write-failures', 'write-failures-recording'].map(
      (name) => `fault/${name}`,
    ),
    ...['hostile', 'projection'].map((name) => `property/${name}`),
    'soak/day',
  ].map((name) => `test/${name}.test.ts`),
)

test('no test but a campaign holds a loop, a branch or a sleep', () => {
  const paths = globSync('test/**/*.test.ts', { cwd: root })
  assert.deepEqual(
    [...campaigns].filter((path) => !paths.includes(path)),
    [],
  )
  const files = paths.filter((path) => !campaigns.has(path)).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
  assert.ok(files.length > 100)
  assert.deepEqual(files.flatMap(found), [])
})
