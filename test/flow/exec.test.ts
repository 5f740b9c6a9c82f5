/** `sallyport exec`: a command's ordinary clients go through the gateway, and the command is what it would be without it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseEnv } from 'node:util'
import { parse } from 'yaml'
import { eachCase } from '../support/cases.ts'
import { cleanEnv, command } from '../support/command.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, root, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'

const main = join(root, 'src/main.ts')

async function arrange(t: TestContext) {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: 'trust: ./trust',
    manifests: { 'weather.yaml': grant({ network: [toLocalhost(origin.port, { paths: ['/v1/**'] })] }) },
  })
  const { proxyPort } = await startHere(t, installation)
  // The test's gateway has taken a free port.
  installation.write(
    'at.yaml',
    installation.read('sallyport.yaml').replace(/(?<kind>listeners: .*)127\.0\.0\.1:0/, `$<kind>127.0.0.1:${proxyPort}`),
  )
  const tokenFile = join(installation.folder, 'token')
  writeFileSync(tokenFile, 'weather-token\n')
  const config = ['--config', join(installation.folder, 'at.yaml')]
  const run = (words: readonly string[], env: Record<string, string> = {}) =>
    command(process.execPath, ['--no-warnings', main, ...words], { env: cleanEnv(env) })
  return { origin, installation, config, run, tokenFile, url: `http://localhost:${origin.port}` }
}

test('a command’s client goes through the gateway, and its output and exit code are the command’s', async (t) => {
  const { origin, config, run, tokenFile, url } = await arrange(t)
  const exec = ['exec', 'weather', ...config, '--token-file', tokenFile, '--']
  const allowed = await run([...exec, 'curl', '-sS', `${url}/v1/items`])
  assert.deepEqual([allowed.stdout, allowed.code], ['hello', 0], allowed.stderr)
  const denied = await run([...exec, 'curl', '-sS', '--fail', `${url}/admin`])
  assert.equal(denied.code, 22)
  assert.equal(origin.requests.length, 1)
  assert.equal((await run(['exec', 'weather', ...config, '--', 'sh', '-c', 'exit 7'], { SALLYPORT_TOKEN: 'weather-token' })).code, 7)
  // Options behind the command are the command's.
  assert.equal((await run([...exec, 'echo', '--config', '-c', '--', '--help'])).stdout, '--config -c -- --help\n')
})

test('what cannot be run says so, by the exit codes of a shell', async (t) => {
  const { config, run, tokenFile } = await arrange(t)
  const withToken = ['--token-file', tokenFile]
  await eachCase(
    [
      [['exec', 'weather', ...config, ...withToken, '--', 'no-such-command'], 127, /^no-such-command: there is no such command\n$/],
      [['exec', 'weather', ...config, ...withToken, '--', '/etc'], 126, /^\/etc: EACCES\n$/],
      [['exec', 'weather', ...config, ...withToken], 64, /give the command behind "--"/],
      [
        ['exec', 'weather', ...config, '--', 'true'],
        64,
        /"weather" proves its identity by its token: set SALLYPORT_TOKEN, or give --token-file/,
      ],
      [['exec', 'nobody', ...config, '--', 'true'], 64, /there is no integration "nobody" \(known: weather\)/],
      [['exec', 'weather', ...config, ...withToken, '--', 'sh', '-c', 'kill -TERM $$'], 143, /^$/],
    ] as const,
    async ([words, code, stderr]) => {
      const ended = await run(words)
      assert.equal(ended.code, code)
      assert.match(ended.stderr, stderr)
    },
  )
})

test('a signal to it reaches the command', async (t) => {
  const { config, tokenFile } = await arrange(t)
  const script =
    'process.on("SIGTERM", () => { console.log("ended"); process.exitCode = 3; clearInterval(timer) }); const timer = setInterval(() => {}, 1000); console.log("ready")'
  const words = ['--no-warnings', main, 'exec', 'weather', ...config, '--token-file', tokenFile, '--', process.execPath, '-e', script]
  const child = spawn(process.execPath, words, { env: cleanEnv({}), stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await once(child.stdout, 'data')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'close'), [3, null])
  assert.equal(said, 'ready\nended\n')
})

test('a JVM gets its options beside those that it had', async (t) => {
  const { config, run, tokenFile } = await arrange(t)
  const words = ['exec', 'weather', ...config, '--token-file', tokenFile, '--', 'sh', '-c', 'echo "$JAVA_TOOL_OPTIONS"']
  const { stdout } = await run(words, { JAVA_TOOL_OPTIONS: '-Xmx64m' })
  assert.match(
    stdout,
    /^-Xmx64m -Dhttp\.proxyHost=127\.0\.0\.1 -Dhttp\.proxyPort=\d+ .*-Djavax\.net\.ssl\.trustStore=\S+\/truststore\.p12 /,
  )
  // The JVM prints them when it starts.
  assert.ok(!stdout.includes('weather-token'))
})

test('each form has the same variables: dotenv as Node and as Docker read it, and a shell’s', async (t) => {
  const { config, run, tokenFile } = await arrange(t)
  const printed = async (format: string) => run(['env', 'weather', ...config, '--token-file', tokenFile, '--format', format])
  const json = await printed('json')
  const variables = JSON.parse(json.stdout) as Record<string, string>
  const dotenv = (await printed('dotenv')).stdout
  assert.deepEqual({ ...parseEnv(dotenv) }, variables)
  // Docker takes all that stands behind the sign, quotation marks too.
  const asDocker = dotenv.trimEnd().split('\n')
  assert.deepEqual(
    Object.fromEntries(asDocker.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])),
    variables,
  )
  const names = Object.keys(variables)
  const shell = `eval "$SCRIPT"; for name in ${names.join(' ')}; do eval "echo \\"\\$$name\\""; done`
  const { stdout } = await command('sh', ['-c', shell], { env: cleanEnv({ SCRIPT: (await printed('shell')).stdout }) })
  assert.deepEqual(stdout.trimEnd().split('\n'), Object.values(variables))
  assert.match(json.stderr, /^Java and Chromium send a proxy no token by themselves: give "weather" a listener of its own/m)
  assert.match(json.stderr, /^Chromium takes the CA from its own store: "sallyport ca trust" says how/m)
})

test('a token of any characters is the same in each form', async (t) => {
  const { config, run, tokenFile } = await arrange(t)
  const token = `it's (an) odd!*$HOME \`one\` "\\#ü`
  writeFileSync(tokenFile, `${token}\n`)
  const printed = async (format: string) => (await run(['env', 'weather', ...config, '--token-file', tokenFile, '--format', format])).stdout
  const { HTTP_PROXY } = JSON.parse(await printed('json')) as Record<string, string>
  assert.equal(decodeURIComponent(new URL(HTTP_PROXY ?? '').password), token)
  // A shell reads such a file as well, and Docker takes quotation marks for a part of the value.
  assert.ok((await printed('dotenv')).split('\n').includes(`HTTP_PROXY=${HTTP_PROXY}`))
  const { stdout } = await command('sh', ['-c', 'eval "$SCRIPT"; echo "$HTTP_PROXY"'], {
    env: cleanEnv({ SCRIPT: await printed('shell') }),
  })
  assert.equal(stdout.trimEnd(), HTTP_PROXY)
  assert.match(HTTP_PROXY ?? '', /^[\w:/@.%]+$/)
})

test('a Node is told to load nothing that it may not be able to read: it would not start', async (t) => {
  const { config, run, installation } = await arrange(t)
  const printed = async (given: readonly string[], format: string) =>
    run(['env', 'weather', ...given, '--format', format], { SALLYPORT_TOKEN: 'weather-token' })
  assert.ok('NODE_OPTIONS' in JSON.parse((await printed(config, 'json')).stdout))
  const at = (name: string, trust: string) => {
    installation.write(name, installation.read('at.yaml').replace(/^trust: .*$/m, trust))
    return ['--config', join(installation.folder, name)]
  }
  const unset = await printed(at('unset.yaml', ''), 'json')
  assert.ok(!('NODE_OPTIONS' in JSON.parse(unset.stdout)))
  assert.match(unset.stderr, /^only the user of the gateway can read .*state\/ca, and Node\.js before .* gets no proxy: set "trust"/m)
  const elsewhere = at('elsewhere.yaml', 'trust: ./not-made-yet')
  const early = await printed(elsewhere, 'json')
  assert.ok(!('NODE_OPTIONS' in JSON.parse(early.stdout)))
  assert.match(early.stderr, /not-made-yet\/bundle\.crt is made when the gateway first starts/)
  assert.match((await printed(elsewhere, 'kubernetes')).stdout, /name: NODE_OPTIONS/)
})

test('for Kubernetes the variables are a container’s env, and the token is a key of a Secret that comes first', async (t) => {
  const { config, run } = await arrange(t)
  const { stdout, code } = await run(['env', 'weather', ...config, '--format', 'kubernetes'])
  assert.equal(code, 0)
  const { env } = parse(stdout) as { env: { name: string; value?: string; valueFrom?: unknown }[] }
  assert.deepEqual(env[0], { name: 'SALLYPORT_TOKEN', valueFrom: { secretKeyRef: { name: 'sallyport-weather', key: 'token' } } })
  assert.match(env.find(({ name }) => name === 'HTTPS_PROXY')?.value ?? '', /^http:\/\/weather:\$\(SALLYPORT_TOKEN\)@127\.0\.0\.1:\d+$/)
  assert.equal(new Set(env.map(({ name }) => name)).size, env.length)
})

test('options that Node was given here hold beside the one for the proxy', async (t) => {
  const { config, run, tokenFile } = await arrange(t)
  const printed = await run(['exec', 'weather', ...config, '--token-file', tokenFile, '--', 'sh', '-c', 'echo "$NODE_OPTIONS"'], {
    NODE_OPTIONS: '--max-old-space-size=200',
  })
  assert.match(printed.stdout, /^--max-old-space-size=200 --require=\/.*\/node-proxy\.cjs\n$/)
})
