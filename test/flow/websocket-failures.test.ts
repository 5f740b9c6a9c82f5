/** WebSockets through every door whose ends break off, fall silent, refuse or do not read: nothing is left behind, and the record says whose fault it was. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eachCase, times } from '../support/cases.ts'
import { eventually } from '../support/eventually.ts'
import { startWebSocketDoors, type WebSocketDoor, webSocketDoors } from '../support/websocket-doors.ts'

/** An origin that answers every handshake with this status. */
async function startRefusing(t: TestContext, status: number) {
  const { ask, origins } = await startWebSocketDoors(t, {
    rights: { breaker: { minimumRequests: 4, errorThresholdPercent: 50, reset: '60s' } },
    answer: (socket) => void socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`),
  })
  const statusOf = async (door: WebSocketDoor) => {
    const caller = await ask(door)
    const answer = await eventually('it is answered', () => caller.status())
    caller.stream.destroy()
    return answer
  }
  return { origins, statusOf }
}

test('handshakes that fail open the breaker of their origin, which then hears nothing more through any door', async (t) => {
  const { origins, statusOf } = await startRefusing(t, 503)
  await eachCase([['proxy', 'tunnel'], ['intercept', 'http2'], ['services']] as const, async (doors) => {
    const before = origins.length
    await times(4, async (round) => assert.equal(await statusOf(doors[round % doors.length] as WebSocketDoor), 502))
    await eachCase(doors, async (door) => assert.equal(await statusOf(door), 503))
    assert.equal(origins.length, before + 4)
  })
})

test('an origin that refuses handshakes with 401 works, and opens no breaker', async (t) => {
  const { origins, statusOf } = await startRefusing(t, 401)
  await eachCase(webSocketDoors, (door) => times(3, async () => assert.equal(await statusOf(door), 502)))
  assert.equal(origins.length, 3 * webSocketDoors.length)
})
