/** The path itself: one decision or refusal and one settlement per arrival, whichever station crashes (invariants 1 to 3 of SECURITY.md). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessRequest, type Arrival, Claim, type Policy, Refusal, type Stations } from '../../src/core/index.ts'
import { createPipeline } from '../../src/pipeline.ts'

type Step = 'identify' | 'arrive' | 'read' | 'claim' | 'decide' | 'admit' | 'run' | 'perform' | 'redact' | 'durable'

/** Every station works but the one that is told to fail. */
function arrange(failing: Step | null, failure: unknown = new TypeError('a bug'), unrecordable = false) {
  const seen: string[] = []
  const bugs: unknown[] = []
  const step = <T>(name: Step, value: T): T => {
    seen.push(name)
    if (name === failing) throw failure
    return value
  }
  const integration = { name: 'weather', source: 'weather.yaml' }
  const request = { kind: 'self', integration }
  const decision = { allow: true, rule: 'r', reasons: [], obligations: {}, revision: 'v' }
  const perform = () => step('perform', { status: 200, headers: [], body: null })
  const claimOf = (asked: AccessRequest) => Claim.of(asked, perform, { facts: {}, subject: {}, origin: 'o' })
  let told = false
  const stations = {
    policy: { needs: {}, decideAsync: null, activations: () => 0, decide: () => step('decide', decision) },
    limits: {
      arrive: () => step('arrive', 0),
      keepBack: () => 0,
      holdBody: () => ({ maxBytes: 8, shrink: () => void seen.push('memory held'), release: () => void seen.push('memory released') }),
      admit: () =>
        step('admit', {
          run: (effect: () => unknown) => step('run', effect()),
          settle: () => void seen.push('lease settled'),
          sent: () => null,
          received: () => null,
        }),
    },
    findResource: () => ({ claim: (asked: AccessRequest) => step('claim', claimOf(asked)) }),
    redactor: { reply: (_permit: unknown, reply: unknown) => step('redact', reply) },
    auditLog: {
      strict: false,
      behind: () => null,
      open: () => ({
        decided: () => void seen.push('decided'),
        refused: () => {
          if (unrecordable && !told) {
            told = true
            throw new TypeError('what came from outside cannot be written')
          }
          seen.push('refused')
        },
        summed: () => void seen.push('summed'),
        settled: () => void seen.push('settled'),
        durable: () => (failing === 'durable' ? Promise.reject(failure) : null),
      }),
    },
    decisionLog: null,
    usage: { settled: () => void seen.push('metered') },
    watch: null,
    exchanges: { began() {}, ended() {} },
    live: { watch: (_request: unknown, _decided: unknown, reply: unknown) => reply },
    onBug: (error: unknown) => void bugs.push(error),
    onBytes: () => {},
    isDraining: () => false,
    requireRoom() {},
    now: () => 0,
  } as unknown as Stations
  const arrival = {
    id: 'a',
    peer: 'p',
    cut: () => void seen.push('cut'),
    identify: () => step('identify', { integration, identity: 'token' }),
    read: () => step('read', request),
  } as unknown as Arrival
  return { seen, bugs, stations, arrival, run: () => createPipeline(stations)(arrival) }
}

const count = (seen: readonly string[], ...names: string[]) => seen.filter((name) => names.includes(name)).length

test('the stations come in their order, and nothing is performed before the decision and the admission', async () => {
  const { seen, run } = arrange(null)
  const settling = await run()
  settling.settle({ complete: true })
  settling.settle({ complete: true })
  assert.deepEqual(seen, [
    'identify',
    'arrive',
    'read',
    'claim',
    'decide',
    'decided',
    'admit',
    'perform',
    'run',
    'redact',
    'lease settled',
    'settled',
    'metered',
  ])
})

test('a request is settled where it is watched and where it is counted, whichever of the two fails', async () => {
  const { seen, bugs, stations, arrival } = arrange(null)
  const broken = () => {
    throw new TypeError('a bug')
  }
  const watch = { decided: () => null, settled: () => void seen.push('watched') }
  const ended = async (changed: object) => {
    seen.length = 0
    const settling = await createPipeline({ ...stations, ...changed } as unknown as Stations)(arrival)
    settling.settle({ complete: true })
    return seen.slice(-2)
  }
  assert.deepEqual(await ended({ watch, usage: { settled: broken } }), ['settled', 'watched'])
  assert.deepEqual(await ended({ watch: { ...watch, settled: broken } }), ['settled', 'metered'])
  assert.equal(bugs.length, 2)
})

/** Its policy looks at a body, which `onRead` is called to bring. */
function arrangeBody(onRead: () => void) {
  const { seen, stations, arrival } = arrange(null)
  const body = {
    declaredBytes: 2,
    whole: null as Buffer | null,
    watch() {},
    async buffer(maxBytes: number) {
      seen.push(`buffer up to ${maxBytes}`)
      await Promise.resolve()
      onRead()
      body.whole = Buffer.from('{}')
      return body.whole
    },
  }
  const request = { kind: 'http', integration: { name: 'weather' }, hangup: { gone: false }, body } as unknown as AccessRequest
  const decide: Policy['decide'] = (given, claim) => (body.whole === null ? null : stations.policy.decide(given, claim))
  return { seen, body, stations: { ...stations, policy: { ...stations.policy, decide } }, arrival: { ...arrival, read: () => request } }
}

test('a body is read where the policy looks at it, and the decision is made again with it', async () => {
  const { seen, stations, arrival } = arrangeBody(() => {})
  await createPipeline(stations)(arrival)
  assert.deepEqual(
    seen.filter((step) => ['claim', 'buffer up to 8', 'decide', 'decided', 'perform'].includes(step)),
    ['claim', 'buffer up to 8', 'claim', 'decide', 'decided', 'perform'],
  )
})

test('a policy that is activated while a body is read is shown what it looks at, and the caller is identified again', async () => {
  const state = { headers: false, activations: 0 }
  const { seen, stations, arrival } = arrangeBody(() => {
    state.headers = true
    state.activations += 1
  })
  const asked: boolean[] = []
  const handle = createPipeline({
    ...stations,
    policy: {
      ...stations.policy,
      activations: () => state.activations,
      get needs() {
        return { headers: state.headers, body: true, context: false }
      },
    },
    findResource: (kind) => ({
      kind,
      claim(request, needs) {
        asked.push(needs.headers)
        return stations.findResource(kind).claim(request, needs)
      },
    }),
  })
  await handle(arrival)
  assert.deepEqual(asked, [false, true])
  assert.equal(count(seen, 'identify'), 2)
})

test('answers from outside and the body are waited for in any order, each once', async () => {
  const { seen, stations, arrival } = arrangeBody(() => {})
  const { decide } = stations.policy
  const settling = await createPipeline({
    ...stations,
    policy: {
      ...stations.policy,
      async decideAsync(request, claim, readBody) {
        seen.push('asked')
        return decide(request, claim) ?? decide(request, await readBody()) ?? assert.fail()
      },
    },
  })(arrival)
  assert.equal(settling.refused, false)
  assert.deepEqual([count(seen, 'asked'), count(seen, 'buffer up to 8'), count(seen, 'decided')], [1, 1, 1])
})

test('a body that is not read, since it is too large, is a refusal without an effect', async () => {
  const { seen, stations, arrival } = arrangeBody(() => {
    throw new Refusal('payload-too-large', 'too large')
  })
  const settling = await createPipeline(stations)(arrival)
  settling.settle({ complete: true })
  assert.equal(settling.reply.status, 413)
  assert.deepEqual([count(seen, 'refused'), count(seen, 'decided'), count(seen, 'perform'), count(seen, 'settled')], [1, 0, 0, 1])
})

for (const failing of ['identify', 'arrive', 'read', 'claim', 'decide', 'admit', 'run', 'perform', 'redact'] as const) {
  test(`a crash of ${failing} is a 500 for its caller, told as a bug, recorded once and settled once`, async () => {
    const { seen, bugs, run } = arrange(failing)
    const settling = await run()
    settling.settle({ complete: true })
    assert.equal(settling.reply.status, 500)
    assert.equal(settling.refused, true)
    assert.equal(bugs.length, 1)
    assert.equal(count(seen, 'decided', 'refused'), 1)
    assert.equal(count(seen, 'settled'), 1)
    assert.equal(count(seen, 'lease settled'), failing === 'admit' ? 0 : count(seen, 'admit'))
  })
}

test('a record that cannot be kept is a 503, and nothing of the reply leaves', async () => {
  const { run } = arrange('durable', new Refusal('audit-unavailable', 'the disk is full'))
  const { reply } = await run()
  assert.equal(reply.status, 503)
  assert.ok('body' in reply && String(reply.body).includes('"code":"audit-unavailable"'))
})

test('a refusal that cannot be recorded as it is, is recorded as a failure, and answered so', async () => {
  const { seen, bugs, run } = arrange('read', new Refusal('malformed-request', 'odd'), true)
  const settling = await run()
  settling.settle({ complete: true })
  assert.equal(settling.reply.status, 500)
  assert.equal(bugs.length, 1)
  assert.deepEqual([count(seen, 'refused'), count(seen, 'settled')], [1, 1])
})

test('a crash of the log is a 503 for its caller, and of what tells of crashes nothing more than that', async () => {
  const { stations, arrival, seen } = arrange(null)
  const failing = (): never => {
    throw new TypeError('a bug')
  }
  const handle = createPipeline({ ...stations, auditLog: { strict: false, behind: () => null, open: failing }, onBug: failing })
  const settling = await handle(arrival)
  settling.settle({ complete: true })
  assert.equal(settling.reply.status, 503)
  assert.equal(count(seen, 'perform'), 0)
})

test('a crash while bytes pass cuts the caller and settles once; nothing is passed on uncounted', async () => {
  const { stations, arrival, seen, bugs } = arrange(null)
  const handle = createPipeline({
    ...stations,
    onBytes: () => {
      throw new TypeError('a bug')
    },
  })
  const settling = await handle(arrival)
  settling.meter.received(1)
  settling.settle({ complete: true })
  assert.deepEqual([count(seen, 'cut'), count(seen, 'settled'), count(seen, 'lease settled'), bugs.length], [1, 1, 1, 1])
})

test('a crash while slowed bytes wait for their turn cuts the caller and settles once; none of them passes', async () => {
  const { stations, arrival, seen, bugs } = arrange(null)
  const next = () => Promise.reject(new TypeError('a bug'))
  const admit = stations.limits.admit as () => object
  const limits = { ...stations.limits, admit: () => ({ ...admit(), sent: () => ({ next, end() {} }) }) }
  const settling = await createPipeline({ ...stations, limits } as unknown as typeof stations)(arrival)
  assert.equal(await settling.meter.sent(1)?.next(), 0)
  assert.deepEqual([count(seen, 'cut'), count(seen, 'settled'), count(seen, 'lease settled'), bugs.length], [1, 1, 1, 1])
})

test('one part of a settlement that crashes keeps no other from its end', async () => {
  const { stations, arrival, seen, bugs } = arrange(null)
  const handle = createPipeline({
    ...stations,
    limits: {
      ...stations.limits,
      admit: (permit, bytes) => ({
        ...stations.limits.admit(permit, bytes),
        settle: () => {
          throw new TypeError('a bug')
        },
      }),
    },
  })
  const settling = await handle(arrival)
  settling.settle({ complete: true })
  assert.deepEqual([count(seen, 'settled'), count(seen, 'metered'), bugs.length], [1, 1, 1])
})

test('a reply that cannot be delivered is a 500 from then on, told as a bug and settled once', async () => {
  const { seen, bugs, run } = arrange(null)
  const settling = await run()
  settling.fail(new TypeError('a bug'))
  settling.settle({ complete: true })
  assert.equal(settling.reply.status, 500)
  assert.equal(settling.refused, true)
  assert.deepEqual([count(seen, 'settled'), bugs.length], [1, 1])
})

for (const [state, identify] of [
  ['known', () => ({ integration: { name: 'weather' }, identity: 'token' })],
  ['unidentified', () => null],
] as const)
  test(`while the gateway shuts down, a caller that is ${state} uses up an arrival, is refused and recorded, and its request is not read`, async () => {
    const { seen, stations, arrival } = arrange(null)
    const settling = await createPipeline({ ...stations, isDraining: () => true })({ ...arrival, identify } as Arrival)
    settling.settle({ complete: true })
    assert.equal(settling.reply.status, 503)
    assert.ok('body' in settling.reply && String(settling.reply.body).includes('"code":"draining"'))
    assert.deepEqual(settling.reply.headers.slice(-4), ['retry-after', '5', 'connection', 'close'])
    assert.deepEqual(seen, ['arrive', 'refused', 'settled', 'metered'])
  })

test('while the gateway shuts down, what the policy asks outside for a request under way is answered', async () => {
  const { stations, arrival } = arrange(null)
  const settling = await createPipeline({ ...stations, isDraining: () => true })({ ...arrival, door: 'policy' })
  assert.equal(settling.reply.status, 200)
})

test('a request that waits for its body while the gateway begins to shut down, and the policy changes, goes on', async () => {
  const state = { draining: false, activations: 0 }
  const { stations, arrival } = arrangeBody(() => {
    state.draining = true
    state.activations += 1
  })
  const policy = { ...stations.policy, activations: () => state.activations }
  const settling = await createPipeline({ ...stations, policy, isDraining: () => state.draining })(arrival)
  assert.equal(settling.reply.status, 200)
})

/** Of a caller that leaves when `leave.now` is called. */
function hangupOf(leave: { now: () => void }, forget = () => {}) {
  return {
    gone: false,
    onGone(callback: () => void) {
      leave.now = callback
      return forget
    },
  }
}

/** An arrival too many, whose refusal is kept back for a minute. */
function arrangeFlood(leave: { now: () => void }) {
  const { seen, stations, arrival } = arrange(null)
  const socket = { pause: () => void seen.push('paused'), resume: () => void seen.push('resumed') }
  const hangup = hangupOf(leave, () => void seen.push('forgotten'))
  const limits = { ...stations.limits, arrive: () => 1000, keepBack: () => 60_000 }
  return { seen, answered: createPipeline({ ...stations, limits })({ ...arrival, socket, hangup }) }
}

test('the refusal of a flood is kept back, and its connection is read no further meanwhile', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { seen, answered } = arrangeFlood({ now: () => {} })
  let isAnswered = false
  void answered.then(() => {
    isAnswered = true
  })
  t.mock.timers.tick(59_999)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isAnswered, false)
  t.mock.timers.tick(1)
  const { reply } = await answered
  assert.equal(reply.status, 429)
  assert.deepEqual(reply.headers.slice(-2), ['connection', 'close'])
  assert.deepEqual(
    seen.filter((step) => ['paused', 'resumed', 'forgotten', 'summed'].includes(step)),
    ['paused', 'resumed', 'forgotten', 'summed'],
  )
})

test('a caller that floods and leaves is waited for no longer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const leave = { now: () => {} }
  const { seen, answered } = arrangeFlood(leave)
  leave.now()
  await answered
  assert.ok(seen.includes('summed'))
})

test('with audit.durability strict the effect waits for its record', async () => {
  const { seen, stations, arrival } = arrange(null)
  let isOnDisk: () => void = () => {}
  const onDisk = new Promise<void>((resolve) => {
    isOnDisk = resolve
  })
  const open = () => ({ ...stations.auditLog.open(arrival), durable: () => onDisk })
  const handling = createPipeline({ ...stations, auditLog: { ...stations.auditLog, strict: true, open } })(arrival)
  await new Promise(setImmediate)
  assert.ok(seen.includes('admit') && !seen.includes('perform'))
  isOnDisk()
  await handling
  assert.ok(seen.includes('perform'))
})

test('a caller that leaves while the disk is behind is waited for no longer, is counted in a sum, and takes no token', async () => {
  const { seen, stations, arrival } = arrange(null)
  const leave = { now: () => {} }
  const behind = () => new Promise<void>(() => {})
  const handled = createPipeline({ ...stations, auditLog: { ...stations.auditLog, behind } })({ ...arrival, hangup: hangupOf(leave) })
  leave.now()
  const settling = await handled
  assert.equal(settling.reply.status, 499)
  settling.settle({ complete: false, status: 499 })
  assert.deepEqual(seen, ['identify', 'summed', 'settled', 'metered'])
})

test('an arrival that has waited for the disk is identified again, since its token may have been taken away', async () => {
  const { seen, stations, arrival } = arrange(null)
  const waits = [Promise.resolve(), null]
  const auditLog = { ...stations.auditLog, behind: () => waits.shift() ?? null }
  await createPipeline({ ...stations, auditLog })({ ...arrival, hangup: hangupOf({ now: () => {} }) })
  assert.deepEqual(seen.slice(0, 3), ['identify', 'identify', 'arrive'])
})
