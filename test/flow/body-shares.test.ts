/** Bodies that rules look at: one integration that begins many and ends none leaves memory for another's. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { grant, toLocalhost } from '../support/grant.ts'
import { createInstallation, proxyHeader, startHere } from '../support/installation.ts'
import { startOrigin } from '../support/origin.ts'
import { rego } from '../support/rego.ts'
import { connect } from '../support/sockets.ts'
import { testWith } from '../support/tools.ts'

const test = await testWith('compiler')

test("bodies that never end take their integration's share of the memory, and no more", async (t) => {
  const origin = await startOrigin(t)
  const installation = createInstallation(t, {
    config: 'policy: { rules: ./rules }\nhttp: { maxPolicyBody: 1MiB, maxPolicyBodies: 8MiB }\ndrainTimeout: 10ms',
    manifests: {
      'greedy.yaml': grant({ name: 'greedy', network: [toLocalhost(origin.port)] }),
      'weather.yaml': grant({ network: [toLocalhost(origin.port)] }),
    },
  })
  mkdirSync(join(installation.folder, 'rules'))
  installation.write(
    'rules/body.rego',
    rego`
      package sallyport.rules

      deny contains "no" if input.http.body.value.no
    `,
  )
  const { proxyPort } = await startHere(t, installation)
  const target = `localhost:${origin.port}`
  const post = (name: string, framing: string): Socket => {
    const socket = connect(proxyPort, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(
      `POST http://${target}/ HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: ${proxyHeader(name)}\r\nContent-Type: application/json\r\n${framing}`,
    )
    return socket
  }
  const replyOf = async (socket: Socket) => String((await once(socket, 'data'))[0])
  const whole = `Content-Length: ${2 ** 20}\r\n\r\n"${'x'.repeat(2 ** 20 - 2)}"`

  // Half of 8 MiB: declared ones and those of unknown length alike.
  const begun = ['Content-Length: 1048576\r\n\r\n"', 'Transfer-Encoding: chunked\r\n\r\n1\r\n"\r\n'].flatMap((framing) => [
    post('greedy', framing),
    post('greedy', framing),
  ])
  const refused = await eventually('it is refused', async () => {
    const reply = await replyOf(post('greedy', 'Content-Length: 2\r\nConnection: close\r\n\r\n{}'))
    return reply.startsWith('HTTP/1.1 429 ') ? reply : null
  })
  assert.match(refused, /retry-after: 1\r.*sallyport-problem: bodies-exceeded|sallyport-problem: bodies-exceeded.*retry-after: 1\r/s)
  await times(5, async () => assert.match(await replyOf(post('weather', whole)), /^HTTP\/1\.1 200 /))
  // A body that no rule looks at needs none of it.
  assert.match(await replyOf(post('greedy', 'Content-Length: 0\r\n\r\n')), /^HTTP\/1\.1 200 /)

  eachCase(begun, (socket) => {
    socket.destroy()
  })
  await eventually('what it held is free', async () => (await replyOf(post('greedy', whole))).startsWith('HTTP/1.1 200 '))
})
