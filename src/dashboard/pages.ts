/** The files of the dashboard, served as they are: no build, nothing from the internet, and no script but these. */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Everything that is shown or said is text: there is no inline script, no style in a page, and no text that becomes markup (Trusted Types). */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const headers = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // A page of another version must not ask this one.
  'cache-control': 'no-cache',
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const folder = join(import.meta.dirname, 'assets')
export const pagesPath = '/dashboard/'

export interface Pages {
  /** `false`: there is no such file, and nothing was answered. */
  serve(req: IncomingMessage, res: ServerResponse): Promise<boolean>
}

/** Files are named once, so that no path of a request is ever a path of the disk; they are read when they are asked for. */
export function createPages(): Pages {
  const files = new Map<string, string>([
    ...readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => extname(name) in types)
      .map((name) => [`${pagesPath}${name}`, join(folder, name)] as const),
    [pagesPath, join(folder, 'index.html')],
    [`${pagesPath}uplot/uplot.js`, fileURLToPath(import.meta.resolve('uplot/dist/uPlot.esm.js'))],
    [`${pagesPath}uplot/uplot.css`, fileURLToPath(import.meta.resolve('uplot/dist/uPlot.min.css'))],
  ])
  const read = new Map<string, Buffer>()

  return {
    async serve(req, res) {
      const [path = ''] = (req.url ?? '').split(/[?#]/, 1)
      const file = files.get(path)
      if (file === undefined || (req.method !== 'GET' && req.method !== 'HEAD')) return false
      const bytes = read.get(file) ?? (await readFile(file))
      read.set(file, bytes)
      const type = types[extname(file)] ?? ''
      res.writeHead(200, { ...headers, 'content-type': type, 'content-length': bytes.length })
      res.end(req.method === 'HEAD' ? undefined : bytes)
      return true
    },
  }
}
