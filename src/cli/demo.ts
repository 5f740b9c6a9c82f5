/** `sallyport demo` (`npm start`): a gateway, an example upstream, and what to type next. */
import { join } from 'node:path'
import { loadConfig } from '../config/index.ts'
import { run } from './run.ts'

const quickstartConfig = join(import.meta.dirname, '../../examples/quickstart/sallyport.yaml')
const upstreamPort = 9080

export async function demo(): Promise<void> {
  const config = loadConfig(quickstartConfig)
  const { startUpstream } = (await import('../../examples/quickstart/upstream.ts')) as {
    startUpstream(port: number): Promise<{ close(): Promise<void> }>
  }
  const upstream = await startUpstream(upstreamPort).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`the example upstream cannot listen: ${error.message}`)
  })
  const gateway = await run({ ...config, log: { level: 'warn' } }, () => upstream.close()).catch(async (error: unknown) => {
    // Else it would keep the process from ending.
    await upstream.close()
    throw error
  })
  process.stdout.write(greeting(gateway.health.port))
}

function greeting(healthPort: number): string {
  return `
Sallyport stands on 127.0.0.1:3128; behind it an example upstream on localhost:${upstreamPort}.
In another terminal:

  # allowed: the manifest of "weather" names this host, method and path
  curl -x http://weather:demo-token@127.0.0.1:3128 http://localhost:${upstreamPort}/v1/forecast

  # denied: no capability covers /admin; the answer says what would have to be added to which manifest
  curl -x http://weather:demo-token@127.0.0.1:3128 http://localhost:${upstreamPort}/admin/keys

  # out of quota: "reports" may send one request, then one every thirty seconds
  curl -i -x http://reports:demo-token@127.0.0.1:3128 http://localhost:${upstreamPort}/v1/cities http://localhost:${upstreamPort}/v1/cities

Then see what happened:

  npx sallyport audit tail -c examples/quickstart/sallyport.yaml
  npx sallyport audit verify -c examples/quickstart/sallyport.yaml
  npx sallyport usage -c examples/quickstart/sallyport.yaml

Manifests: examples/quickstart/integrations (edit one: it is taken up at once).
Metrics and health: http://127.0.0.1:${healthPort}/metrics  Ctrl-C ends it.
`
}
