/** docs/policy/ says what is so: its rules compile, its files are read, its commands exist, and what it prints is what they print. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Ajv } from 'ajv'
import type { Command } from 'commander'
import { checkPolicy, formatPolicy } from '../../src/authoring/index.ts'
import { createProgram } from '../../src/cli/index.ts'
import { loadConfig } from '../../src/config/index.ts'
import { decodeManifest } from '../../src/manifests/decode.ts'
import { createCompile } from '../../src/opa/index.ts'
import { obligationKeys, readDecision } from '../../src/policy/decision-reader.ts'
import { eachCase } from '../support/cases.ts'
import { command } from '../support/command.ts'
import { smallDefaults } from '../support/defaults.ts'
import { createFolder } from '../support/folder.ts'
import { type Block, blocks, commandLines, pages } from '../support/guide.ts'
import { main, root } from '../support/installation.ts'
import { testWith } from '../support/tools.ts'

const compilerTest = await testWith('compiler')

const of = (language: string) => blocks.filter((block) => block.language === language)
const where = ({ page, line }: Block) => `docs/policy/${page}:${line}`
const head = 'apiVersion: sallyport/v1\nkind: Gateway\n'

compilerTest('every rule compiles, fits the input, and is formatted as OPA does', async (t) => {
  const compile = createCompile()
  await eachCase(new Set(of('rego').map((item) => item.page)), async (page) => {
    const sources = Object.fromEntries(
      of('rego')
        .filter((item) => item.page === page)
        .map((item) => [item.file ?? `${page}:${item.line}.rego`, item.text]),
    )
    await checkPolicy(compile, sources)
    assert.deepEqual(await formatPolicy(compile, sources), {}, page)
    t.diagnostic(`${page}: ${Object.keys(sources).length}`)
  })
})

const isManifest = ({ text }: Block) => /^kind: Integration$/m.test(text)
for (const block of of('yaml').filter(isManifest))
  test(`${where(block)} is read as it stands`, () => void decodeManifest('/x/weather.yaml', block.text, smallDefaults))

for (const block of of('yaml').filter((given) => !isManifest(given)))
  test(`${where(block)} is read as it stands`, (t) => {
    const text = block.text.replaceAll('/run/secrets/', './secrets/')
    const folder = createFolder(t, { 'sallyport.yaml': head + text, 'integrations/x': '', 'rules/x': '', 'shadow/x': '' })
    // Secrets that the page speaks of are there.
    eachCase(text.matchAll(/(?:file: \.\/|key: )([\w./-]+)/g), ([, file = '']) => {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), 'secret')
    })
    loadConfig(join(folder, 'sallyport.yaml'), Object.fromEntries([...text.matchAll(/env: (\w+)/g)].map(([, name]) => [name, 'secret'])))
  })

for (const { page, words } of commandLines)
  test(`docs/policy/${page}: “sallyport ${words.join(' ')}” is a command`, () => assert.equal(problemWith(words), null))

const program = await createProgram([])

/** `null`: it is a command with such flags and arguments. */
function problemWith(words: readonly string[]): string | null {
  let found: Command = program
  const given: string[] = []
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? ''
    const sub = given.length === 0 ? found.commands.find((command) => command.name() === word) : undefined
    if (sub !== undefined) found = sub
    else if (!word.startsWith('-')) given.push(word)
    else {
      const option = found.options.find((option) => option.short === word || option.long === word)
      if (option === undefined) return `${found.name()} has no ${word}`
      if (option.required || option.optional) index += 1
    }
  }
  if (found.commands.length > 0) return `${found.name()} has no command ${given[0] ?? 'of its own'}`
  const required = found.registeredArguments.filter((registeredArgument) => registeredArgument.required).length
  const isVariadic = found.registeredArguments.some((registeredArgument) => registeredArgument.variadic)
  const fits = given.length >= required && (isVariadic || given.length <= found.registeredArguments.length)
  return fits ? null : `${found.name()} does not take ${given.length} arguments`
}

test('docs/policy/obligations.md is what a decision may hold, with values that it may have', () => {
  const rows = [...(pages['obligations.md'] ?? '').matchAll(/^\| `(\w+)` \| [^|]+ \| `([^`]+)` \|/gm)]
  assert.deepEqual(
    rows.map(([, key]) => key),
    obligationKeys,
  )
  eachCase(rows, ([, key = '', example = '']) => {
    const decide = (value: unknown) =>
      readDecision({ allow: true, rule: 'rules/allow', reasons: [], obligations: { [key]: value } }, 'r').allow
    assert.equal(decide(JSON.parse(example)), true, key)
    assert.equal(decide(null), false, key)
  })
})

test('the example of docs/policy/input.md is of the schema', () => {
  const [example] = of('json').filter(({ page }) => page === 'input.md')
  const validate = new Ajv().compile(JSON.parse(readFileSync(join(root, 'rego/schemas/input.json'), 'utf8')))
  assert.ok(validate(JSON.parse(example?.text ?? '')), JSON.stringify(validate.errors))
})

/** Durations differ from run to run, and the folder is nobody's but the test's. */
const steady = (text: string, folder: string) => text.replaceAll(folder, '/etc/sallyport').replaceAll(/\(\d+\.\d ms\)/g, '(… ms)')

/** Follows a page from its top: writes the files it names, types what it types, and expects what it shows. */
async function follow(t: TestContext, page: string): Promise<void> {
  const folder = createFolder(t, { 'sallyport.yaml': head, 'integrations/.keep': '' })
  const written = new Map<string, string>()
  for (const block of blocks.filter((block) => block.page === page)) {
    if (block.file !== null) {
      const path = join(folder, block.file)
      // What a command wrote is what the page shows of it.
      if (written.size === 0 && page === 'first-manifest.md') assert.equal(readFileSync(path, 'utf8'), block.text, where(block))
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, block.file === 'sallyport.yaml' ? head + block.text : block.text)
      written.set(block.file, block.text)
    }
    if (block.language !== 'console') continue
    const [first = '', ...shown] = block.text.split('\n')
    assert.match(first, /^\$ sallyport /, where(block))
    const said = await command(process.execPath, ['--no-warnings', main, ...first.split(' ').slice(2)], { cwd: folder })
    assert.equal(steady(said.stdout + said.stderr, folder), steady(shown.join('\n'), folder), where(block))
  }
}

for (const page of ['first-manifest.md', 'first-rule.md', 'testing.md']) {
  const run = page === 'first-manifest.md' ? test : compilerTest
  run(`who follows docs/policy/${page} sees what it shows`, (t) => follow(t, page))
}
