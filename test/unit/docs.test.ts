/** The reference pages say what the code does, both ways. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { derived } from '../../docs/emit.ts'
import { createProgram } from '../../src/cli/index.ts'
import { stateFolder } from '../../src/config/index.ts'
import { problems } from '../../src/core/index.ts'
import { eachCase } from '../support/cases.ts'
import { grant } from '../support/grant.ts'
import { createInstallation, root, startHere } from '../support/installation.ts'

const page = (name: string) => readFileSync(join(root, 'docs', name), 'utf8')
const table = (name: string) =>
  page(name)
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )

for (const [file, text] of Object.entries(derived())) {
  test(`docs/${file} is what the schema gives`, () => assert.equal(page(file), text, 'run "npm run docs" and commit'))
}

for (const name of ['reference/configuration.md', 'reference/manifest.md'])
  test(`every key of the configuration and the manifest says what it means: ${name}`, () => {
    const rows = table(name)
    assert.ok(rows.length > 20)
    eachCase(rows, ([key, , , meaning]) => assert.notEqual(meaning, '', `${name} ${key}`))
  })

test('docs/reference/problems.md is the catalogue', () => {
  const documented = table('reference/problems.md').map(([code = '', status = '', side = '', title = '']) => ({
    code: code.replaceAll('`', ''),
    status: Number(status),
    side,
    title,
  }))
  assert.deepEqual(
    documented,
    Object.entries(problems).map(([code, { status, side, title }]) => ({ code, status, side, title })),
  )
})

test('docs/reference/state-folder.md lists every path that the gateway has there', () => {
  const { folder, ca, ...rest } = stateFolder('/')
  const paths = [...Object.values(rest), ...Object.values(ca)].map((path) => path.slice(folder.length))
  assert.deepEqual(
    table('reference/state-folder.md')
      .map(([path = '']) => path.replaceAll('`', '').replace(/\/$/, ''))
      .sort(),
    [...paths, 'gateway.lock', 'gateway.pid'].sort(),
  )
})

test('docs/reference/metrics.md lists what /metrics gives, with type and labels', async (t) => {
  const config = 'watch: {}\ntelemetry: { otlp: { endpoint: "http://127.0.0.1:9" } }'
  const { gateway } = await startHere(t, createInstallation(t, { config, manifests: { 'weather.yaml': grant() } }))
  const text = await (await fetch(`http://127.0.0.1:${gateway.health.port}/metrics`)).text()
  const given = [...text.matchAll(/^# TYPE (sallyport_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`).sort()
  assert.deepEqual(
    table('reference/metrics.md')
      .map(([name = '', type]) => `${name.replaceAll('`', '')} ${type}`)
      .sort(),
    given,
  )
  const labelled = table('reference/metrics.md').flatMap(([name = '', , labels = '']) => {
    const line = new RegExp(`^${name.replaceAll('`', '')}\\{([^}]*)\\}`, 'm').exec(text)
    return line === null ? [] : [{ name, labels, shown: [...(line[1] ?? '').matchAll(/(\w+)="/g)].map((match) => match[1]).join(', ') }]
  })
  eachCase(labelled, ({ labels, shown }) => assert.equal(shown, labels))
})

test('docs/reference/commands.md lists the commands', async () => {
  const names = (await createProgram([])).commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands.map((sub) => `${command.name()} ${sub.name()}`) : [command.name()],
  )
  assert.deepEqual(
    table('reference/commands.md')
      .map(([name = '']) => /`([a-z ]+?)(?: [<[].*)?`/.exec(name)?.[1])
      .sort(),
    names.sort(),
  )
})

test('docs/reference/commands.md names every flag, in the row of its command', async () => {
  const rows = table('reference/commands.md')
  const commands = (await createProgram([])).commands.flatMap((command) =>
    command.commands.length > 0
      ? command.commands.map((sub) => ({ name: `${command.name()} ${sub.name()}`, sub }))
      : [{ name: command.name(), sub: command }],
  )
  eachCase(commands, ({ name, sub }) => {
    const row = rows.find(([first = '']) => new RegExp(`^\`${name}[\` ]`).test(first))?.join(' ') ?? ''
    // Of every command that needs it, as the page says at its top.
    eachCase(
      sub.options.filter((option) => option.long !== '--config'),
      ({ short, long }) =>
        assert.ok(
          [short, long].some((flag) => flag !== undefined && flag !== null && row.includes(`\`${flag}`)),
          `${name} ${long}`,
        ),
    )
  })
})

const markdown = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))

test('links between the pages lead somewhere', () => {
  eachCase(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...markdown.map((name) => join('docs', name))], (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    eachCase(text.matchAll(/\]\((?!https?:)([^)#]+)/g), ([, target = '']) =>
      assert.doesNotThrow(() => readFileSync(join(root, file, '..', target)), `${file} -> ${target}`),
    )
  })
})

for (const name of markdown.filter((item) => item.startsWith('policy/') && item !== 'policy/README.md'))
  test(`every page of docs/policy/ is in its index: ${name}`, () => {
    assert.ok(page('policy/README.md').includes(`(${name.slice('policy/'.length)})`), name)
  })
