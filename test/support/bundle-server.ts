/** A real bundle server that does as it is told: hands out bundles by OPA's rules, or misbehaves. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import type { OriginCertificate } from './certificates.ts'
import { startOrigin } from './origin.ts'

export interface BundleServer {
  /** Ends with a slash. */
  readonly url: string
  readonly port: number
  /** Headers of each request so far. */
  readonly asked: IncomingMessage['headers'][]
  /** What `/bundles/<name>` is from now on; held requests are answered. */
  publish(name: string, bytes: Uint8Array): void
  /** In place of the next answers; `null`: as OPA has it. */
  misbehave(answer: RequestListener | null): void
}

export interface BundleServerOptions {
  /** Requests with `wait=` are held until there is something new. */
  readonly longPolling?: boolean
  readonly bearer?: string
  readonly certificate?: OriginCertificate
  readonly clientCa?: string
}

export async function startBundleServer(
  t: TestContext,
  { longPolling = false, bearer, ...tls }: BundleServerOptions = {},
): Promise<BundleServer> {
  const published = new Map<string, { bytes: Uint8Array; etag: string }>()
  const asked: BundleServer['asked'] = []
  let held: (() => void)[] = []
  let misbehaving: RequestListener | null = null
  const release = () => {
    const waiting = held
    held = []
    for (const answer of waiting) answer()
  }

  function answer(req: IncomingMessage, res: ServerResponse): void {
    if (bearer !== undefined && req.headers.authorization !== `Bearer ${bearer}`) return void res.writeHead(401).end()
    const found = published.get((req.url ?? '').replace('/bundles/', ''))
    if (found === undefined) return void res.writeHead(404).end()
    res.setHeader('content-type', longPolling ? 'application/vnd.openpolicyagent.bundles' : 'application/gzip')
    res.setHeader('etag', found.etag)
    if (req.headers['if-none-match'] !== found.etag) return void res.end(found.bytes)
    if (longPolling && /wait=/.test(String(req.headers['prefer']))) held.push(() => answer(req, res))
    else res.writeHead(304).end()
  }

  const { port } = await startOrigin(t, {
    ...tls,
    answer(req, res) {
      asked.push(req.headers)
      if (misbehaving === null) answer(req, res)
      else misbehaving(req, res)
    },
  })
  return {
    url: `${tls.certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`,
    port,
    asked,
    publish(name, bytes) {
      published.set(name, { bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"` })
      release()
    },
    misbehave(next) {
      misbehaving = next
      release()
    },
  }
}
