/** What is in deploy/ as far as it can be checked without a container engine. */

import assert from 'node:assert/strict'
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../../src/config/index.ts'
import { loadManifests } from '../../src/manifests/index.ts'
import { eachCase } from '../support/cases.ts'
import { cleanEnv, command } from '../support/command.ts'
import { root } from '../support/installation.ts'
import { createMachine, whyNoMachine } from '../support/machine.ts'

const pod = join(root, 'deploy/kubernetes/pod.yaml')
const resources = parseAllDocuments(readFileSync(pod, 'utf8')).map(
  (document) =>
    document.toJS() as { kind: string; metadata: { name: string }; data?: Record<string, string>; spec?: Record<string, unknown> },
)

test('the Kubernetes manifests are valid', async (t) => {
  const validate = join(root, '.cache/venv/bin/kubernetes-validate')
  if (!existsSync(validate)) return t.skip('kubernetes-validate is not installed (.ci/run installs it)')
  const { code, stdout, stderr } = await command(validate, ['--strict', pod])
  assert.equal(code, 0, stdout + stderr)
})

test('the configuration and manifest in the ConfigMaps are good', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-deploy-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  eachCase(resources, ({ data }) => {
    eachCase(Object.entries(data ?? {}), ([name, text]) => {
      writeFileSync(join(folder, name === 'sallyport.yaml' ? 'gateway.conf' : name), text)
    })
  })
  const config = loadConfig(join(folder, 'gateway.conf'))
  const { integrations } = await loadManifests(folder, config.defaults)
  assert.deepEqual(
    integrations.map(({ name }) => name),
    ['weather'],
  )
})

test('the gateway is a native sidecar that nothing in the pod can stand in for', () => {
  const spec = resources.find(({ kind }) => kind === 'Pod')?.spec as {
    initContainers: Record<string, Record<string, unknown>>[]
    containers: Record<string, Record<string, unknown>>[]
  }
  const gateway = spec.initContainers.find(({ name }) => (name as unknown) === 'gateway')
  assert.equal(gateway?.['restartPolicy'], 'Always')
  assert.equal(gateway?.['securityContext']?.['readOnlyRootFilesystem'], true)
  const integration = spec.containers[0]?.['securityContext']
  assert.notEqual(integration?.['runAsUser'], gateway?.['securityContext']?.['runAsUser'], 'the guard tells them apart by user id')
  assert.deepEqual(integration?.['capabilities'], { drop: ['ALL'] })
  assert.equal(integration?.['allowPrivilegeEscalation'], false)
})

test('a new volume belongs to the gateway’s user, and the state folder in a pod is one that it makes itself', () => {
  const containerfile = readFileSync(join(root, 'deploy/Containerfile'), 'utf8')
  assert.match(containerfile, /^RUN mkdir -m 700 \/opt\/state$/m)
  assert.match(containerfile, /^COPY --from=build --chown=65532:65532 \/opt\/state \/var\/lib\/sallyport$/m)
  const text = readFileSync(pod, 'utf8')
  assert.match(text, /^ {4}state: \/var\/lib\/sallyport\/state$/m)
  assert.match(text, /mountPath: \/var\/lib\/sallyport }/)
  assert.match(text, /^ {4}trust: \/var\/lib\/sallyport\/trust$/m)
  assert.match(text, /mountPath: \/var\/lib\/sallyport\/trust, subPath: trust, readOnly: true }/)
  const [policy] = resources.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as [
    { spec: { ingress: { ports: { port: number }[] }[] } },
  ]
  assert.deepEqual(policy.spec.ingress[0]?.ports, [{ protocol: 'TCP', port: 8282 }], 'metrics can be read, and nothing else is open')
})

const why = whyNoMachine()

test(
  'what the ConfigMaps hold starts in a volume that Kubernetes made, on a read-only root file system, and doctor finds nothing wrong',
  process.env['CI'] === 'true' || why === null ? {} : { skip: why },
  async (t) => {
    const [{ data: config = {} } = {}, { data: manifests = {} } = {}] = resources.filter(({ kind }) => kind === 'ConfigMap')
    const machine = createMachine(t, {
      files: { ...config, ...Object.fromEntries(Object.entries(manifests).map(([name, text]) => [`integrations/${name}`, text])) },
      programs: { node: '/opt/sallyport/node_modules/node/bin/node' },
      // Its ports are fixed.
      isOffline: true,
    })
    // An emptyDir with fsGroup: root's, and open to all.
    chownSync(machine.stateFolder, 0, 54321)
    chmodSync(machine.stateFolder, 0o2777)
    const sallyport = (word: string) => `node /opt/sallyport/bin/sallyport.js ${word} --config /etc/sallyport/sallyport.yaml`
    const socket = '/var/lib/sallyport/state/admin.sock'
    const line = `${sallyport('doctor')} && { ${sallyport('run')} & until [ -S ${socket} ]; do kill -0 $! || exit 99; sleep 0.05; done; ${sallyport('status')}; kill $!; wait $!; }`
    const [name = '', ...words] = machine.command(line)
    const { code, stdout, stderr } = await command(name, words)
    assert.equal(code, 0, stdout + stderr)
    assert.doesNotMatch(stdout, /^FAIL/m)
    assert.match(stdout, /"ready": true/)
    assert.equal(statSync(join(machine.stateFolder, 'state')).mode & 0o777, 0o700)
  },
)

test('the image’s steps give a gateway in a clean folder, without root and without development packages', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-image-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const containerfile = readFileSync(join(root, 'deploy/Containerfile'), 'utf8')
  const build = containerfile.slice(containerfile.indexOf('AS build'), containerfile.indexOf('AS guard'))
  eachCase(build.matchAll(/^COPY (?!--from)(.+) \S+$/gm), ([, names = '']) => {
    eachCase(names.split(' '), (name) => {
      cpSync(join(root, name), join(folder, name), { recursive: true })
    })
  })
  assert.match(build, /^RUN npm ci --omit=dev$/m)
  const installed = await command('npm', ['ci', '--omit=dev', '--prefer-offline'], { cwd: folder })
  if (installed.code !== 0 && /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT/.test(installed.stderr))
    return t.skip('the npm registry cannot be reached from here')
  assert.equal(installed.code, 0, installed.stderr)
  assert.match(containerfile, /^USER 65532:65532$/m)
  const [, entry = ''] = /^ENTRYPOINT \["node", "\/opt\/sallyport\/([^"]+)"\]$/m.exec(containerfile) ?? []
  const { code, stdout, stderr } = await command(
    process.execPath,
    [join(folder, entry), 'check', '--config', join(folder, 'examples/quickstart/sallyport.yaml')],
    { env: cleanEnv({ NODE_ENV: 'production' }) },
  )
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^OK: .*2 integrations/)
})

test('the systemd unit is well formed', async (t) => {
  const unit = join(root, 'deploy/systemd/sallyport.service')
  const text = readFileSync(unit, 'utf8')
  eachCase(['NoNewPrivileges=yes', 'ProtectSystem=strict', 'DynamicUser=yes', 'StateDirectoryMode=0700'], (line) =>
    assert.ok(text.includes(`${line}\n`), line),
  )
  const { code, stderr } = await command('systemd-analyze', ['verify', unit])
  if (code === 127) return t.skip('systemd-analyze is not installed')
  // The program is where the unit says only on a machine that has it.
  const complaints = stderr.split('\n').filter((line) => line.includes('sallyport.service') && !line.includes('is not executable'))
  assert.deepEqual(complaints, [])
})
