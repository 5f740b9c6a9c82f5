/** What authors learn of recorded handshakes of WebSockets: the log, explain, replay and suggest know them from plain requests, through every door. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sallyport } from '../support/author.ts'
import { eachCase } from '../support/cases.ts'
import { startCollector } from '../support/collector.ts'
import { eventually } from '../support/eventually.ts'
import { startWebSocketDoors, type WebSocketCaller, type WebSocketDoor, webSocketDoors } from '../support/websocket-doors.ts'

const statusOf = (caller: WebSocketCaller) => eventually('it is answered', () => caller.status())

interface Denial {
  readonly instance: string
  readonly reasons: readonly string[]
  readonly hint: { readonly add: Readonly<Record<string, readonly { websocket?: boolean }[]>> }
}

test('a handshake is recorded, explained, replayed and suggested as one, and a suggested manifest allows it', async (t) => {
  const collector = await startCollector(t)
  const doors = await startWebSocketDoors(t, {
    config: `policy: { servers: [{ name: control, url: "${collector.url}" }], decisionLog: { server: control, minDelay: 100ms, maxDelay: 200ms } }`,
  })
  const { installation, gateway, ask, allow } = doors
  const reload = async () => assert.equal((await gateway.reload()).ok, true)
  const opensAll = () =>
    eachCase(webSocketDoors, async (door) => {
      const caller = await ask(door)
      assert.equal(await statusOf(caller), door.startsWith('http2') ? 200 : 101)
      caller.reset()
    })
  await opensAll()

  allow(false)
  await reload()
  const replayed = await sallyport(installation, 'replay')
  assert.equal(replayed.code, 1)
  assert.equal(replayed.stdout.match(/: allowed by default\/\S+ .* denied by default\/deny/g)?.length, webSocketDoors.length)

  const deniedThrough = async (door: WebSocketDoor) => {
    const caller = await ask(door)
    assert.equal(await statusOf(caller), 403)
    const denial = await eventually('the document has come', () => JSON.parse(String(caller.heard())) as Denial)
    caller.reset()
    return denial
  }
  const instances: string[] = []
  await eachCase(webSocketDoors, async (door) => {
    const { instance, reasons, hint } = await deniedThrough(door)
    assert.match(String(reasons), /does not allow WebSockets/)
    assert.deepEqual(
      Object.values(hint.add)
        .flat()
        .map(({ websocket }) => websocket),
      [true],
    )
    instances.push(instance)
  })
  const explained = await sallyport(installation, 'explain', instances.at(-1) ?? '')
  assert.match(explained.stdout, /does not allow WebSockets/)
  assert.match(explained.stdout, /"websocket":true/)

  const events = () => collector.events() as unknown as { input?: { http?: { websocket?: boolean }; service?: { websocket?: boolean } } }[]
  await eventually(
    'all are in the decision log',
    () => events().filter(({ input }) => (input?.http ?? input?.service)?.websocket === true).length === 2 * webSocketDoors.length,
  )

  const suggested = await sallyport(installation, 'suggest', 'weather', '-o', 'suggested.yaml')
  assert.equal(suggested.code, 0, suggested.stderr)
  assert.match(installation.read('suggested.yaml'), /websocket: true/)
  installation.write('integrations/weather.yaml', installation.read('suggested.yaml'))
  await reload()
  await opensAll()
})
