/** git's own smart-HTTP server (git http-backend, CGI) behind a Node request listener. */
import { spawn } from 'node:child_process'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { command } from './command.ts'

/** A bare repository `repo.git` with one commit in `<folder>/git`. */
export async function serveGit(folder: string): Promise<{ listener: RequestListener }> {
  const projects = join(folder, 'git')
  const work = join(folder, 'work')
  const git = async (...args: string[]) => {
    const { code, stderr } = await command('git', [
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@example.com',
      '-c',
      'init.defaultBranch=main',
      ...args,
    ])
    if (code !== 0) throw new Error(stderr)
  }
  await git('init', '-q', work)
  await command('sh', ['-c', `echo "kept in git" > ${work}/file.txt`])
  await git('-C', work, 'add', '.')
  await git('-C', work, 'commit', '-qm', 'first')
  await git('clone', '-q', '--bare', work, join(projects, 'repo.git'))
  await git('-C', join(projects, 'repo.git'), 'config', 'http.receivepack', 'true')
  return { listener: cgi(projects) }
}

function cgi(projects: string): RequestListener {
  return (req, res) => {
    const url = new URL(req.url ?? '/', 'http://x')
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: projects,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: req.method,
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: req.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: req.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(req.headers['git-protocol'] ?? ''),
        REMOTE_USER: '',
        REMOTE_ADDR: '127.0.0.1',
      },
    })
    req.pipe(child.stdin)
    let head = Buffer.alloc(0)
    let headDone = false
    child.stdout.on('data', (chunk: Buffer) => {
      if (headDone) return void res.write(chunk)
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      headDone = true
      for (const line of head.subarray(0, end).toString().split('\r\n')) {
        const [name = '', value = ''] = line.split(': ')
        if (name.toLowerCase() === 'status') res.statusCode = Number.parseInt(value, 10)
        else res.setHeader(name, value)
      }
      res.write(head.subarray(end + 4))
    })
    child.stdout.on('end', () => res.end())
  }
}
