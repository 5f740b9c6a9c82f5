/** Java’s HttpClient with the variables of `sallyport env` and nothing else: its proxy, its truststore, and what of both it reads. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { clientFile, startForClients, sumOf } from '../support/client-gateway.ts'
import { command } from '../support/command.ts'
import { createFolder } from '../support/folder.ts'
import { main } from '../support/installation.ts'
import { unless, withoutProgram } from '../support/tools.ts'

const missing = await withoutProgram('java')
const large = randomBytes(1024 * 1024)
const sum = createHash('sha256').update(large).digest('hex')

const java = (env: NodeJS.ProcessEnv, ...args: readonly string[]) =>
  command('java', [clientFile('HttpClientSession.java'), ...args], { env })

function arrange(t: TestContext) {
  return startForClients(t, {
    answer: async (req, res) => void res.end(req.url === '/v1/large' ? large : req.url === '/v1/sum' ? await sumOf(req) : 'hello'),
    may: [{ methods: ['GET', 'PUT'], paths: ['/v1/**'] }],
    hasOwnListener: true,
  })
}

test(
  'Java’s HttpClient passes whole where it is allowed, in HTTP/2 inside an interception, and reads why it is denied',
  unless(missing),
  async (t) => {
    const { https, http, env } = await arrange(t)
    const body = join(createFolder(t), 'body')
    writeFileSync(body, large)

    const { stdout, stderr } = await java(env, https, http, https.replace('api', 'other'), body)

    const lines = stdout.trimEnd().split('\n')
    assert.deepEqual(
      lines.slice(0, 7),
      ['hello 200 2', 'hello 200 2', `${sum} 200 2`, `${sum} 200 2`, 'policy-denied 403 2', 'hello 200 1.1', 'policy-denied 403 1.1'],
      stderr,
    )
    // In front of all TLS, or within it.
    assert.match(lines.slice(7).join('\n'), /403|policy-denied/, stderr)
  },
)

test(
  'a JVM that was started before a rotation goes on with its truststore, and one behind it with the new one',
  unless(missing),
  async (t) => {
    const { installation, https, env } = await arrange(t)
    const before = join(createFolder(t), 'before.p12')
    const { truststore } = JSON.parse((await sallyport('ca', 'show', '--json')).stdout).files as { truststore: string }
    await command('cp', [truststore, before])
    assert.equal((await sallyport('ca', 'rotate')).code, 0)
    const old = { ...env, JAVA_TOOL_OPTIONS: env['JAVA_TOOL_OPTIONS']?.replace(truststore, before) }

    assert.match((await java(old, `${https}/v1/a`)).stdout, /^hello 200 2$/m)
    assert.match((await java(env, `${https}/v1/a`)).stdout, /^hello 200 2$/m)

    function sallyport(...words: readonly string[]) {
      return command(process.execPath, ['--no-warnings', main, ...words, '--config', installation.configFile])
    }
  },
)

test(
  'keytool lists the truststore without a password, the gateway’s CA by its name',
  unless(await withoutProgram('keytool')),
  async (t) => {
    const { installation } = await arrange(t)
    const { stdout, code } = await command('keytool', ['-list', '-keystore', join(installation.folder, 'state/ca/truststore.p12')])
    assert.equal(code, 0)
    assert.match(stdout, /^sallyport, .*trustedCertEntry/m)
  },
)
