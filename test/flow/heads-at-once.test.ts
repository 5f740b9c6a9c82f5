/** The head of an upload goes on before its body comes: origins that refuse by it (401, 413) must not wait, nor callers that are slow to begin. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachCase } from '../support/cases.ts'
import { startDoors } from '../support/doors.ts'
import { eventually } from '../support/eventually.ts'
import { bodyOf, startOrigin } from '../support/origin.ts'

test('the head of an upload reaches its origin before its body, through every door', async (t) => {
  const heads: string[] = []
  const answer = async (req: Parameters<typeof bodyOf>[0], res: { end(text: string): void }) => {
    heads.push(`${req.method} ${req.url}`)
    res.end(`got ${(await bodyOf(req)).byteLength} bytes`)
  }
  const { doors } = await startDoors(t, {
    startOrigins: async (certificate) => ({
      plainPort: (await startOrigin(t, { answer })).port,
      tlsPort: (await startOrigin(t, { answer, certificate })).port,
    }),
  })
  await eachCase(Object.entries(doors), ([door, { open, target, head }]) =>
    eachCase(
      [
        ['small', 'Content-Length: 5', '', 'hello', 5],
        ['large', 'Content-Length: 1000000', '', 'x'.repeat(1_000_000), 1_000_000],
        ['chunked', 'Transfer-Encoding: chunked', '', '5\r\nhello\r\n0\r\n\r\n', 5],
        ['begun', 'Content-Length: 5', 'he', 'llo', 5],
      ] as const,
      async ([what, framing, first, rest, bytes]) => {
        const socket = await open()
        t.after(() => socket.destroy())
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk
        })
        socket.write(`POST ${target}/${what} HTTP/1.1\r\n${head}${framing}\r\n\r\n${first}`)
        await eventually(`${door}: the head of ${what} is there`, () => heads.at(-1) === `POST /${what}`)
        assert.equal(text, '', `${door}: ${what}`)
        socket.write(rest)
        await eventually(
          `${door}: ${what} is answered`,
          () => text.endsWith(`got ${bytes} bytes`) || text.includes(`got ${bytes} bytes\r\n`),
        )
        heads.push('')
      },
    ),
  )
})
