/** The distribution's Prometheus and promtool. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { endingWithUs } from './children.ts'
import { command } from './command.ts'
import { eventually } from './eventually.ts'
import { createFolder } from './folder.ts'
import { createServer } from './sockets.ts'
import { withoutProgram } from './tools.ts'

/** `null` where they are there. */
export const withoutPrometheus = (): Promise<string | null> => withoutProgram('promtool')

/** What promtool says of these files; throws where it finds something wrong. */
export async function promtool(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await command('promtool', words)
  if (code !== 0) throw new Error(`promtool ${words.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

export interface Prometheus {
  /** Of its API: the `data` of the answer. */
  ask(path: string): Promise<unknown>
}

/** Scrapes that port four times a second, and evaluates the rules; ends with the test. */
export async function startPrometheus(t: TestContext, { scraped, rules }: { scraped: number; rules: string }): Promise<Prometheus> {
  const folder = createFolder(t)
  const port = await freePort()
  const config = join(folder, 'prometheus.yml')
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '250ms', scrape_timeout: '250ms', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'sallyport', static_configs: [{ targets: [`127.0.0.1:${scraped}`] }] }],
    }),
  )
  const [program, ...words] = endingWithUs(
    'prometheus',
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
    '--log.level=error',
  )
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    return ((await response.json()) as { data: unknown }).data
  }
  await eventually('Prometheus answers', () =>
    fetch(`http://127.0.0.1:${port}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return { ask }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
