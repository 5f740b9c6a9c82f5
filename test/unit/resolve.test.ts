/** Names on their way to addresses: shared questions, shares of each owner, the hosts file, and name servers that fail in every way. */

import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Refusal } from '../../src/core/index.ts'
import { createAddressRule } from '../../src/egress/addresses.ts'
import { withDeadline } from '../../src/egress/deadline.ts'
import { createLocalNames } from '../../src/egress/hosts-file.ts'
import type { NameAnswer } from '../../src/egress/name-server.ts'
import { createResolveName, resolveJudged } from '../../src/egress/resolve.ts'
import { eachCase } from '../support/cases.ts'
import { createFolder } from '../support/folder.ts'
import { type DnsAnswer, startNameServer } from '../support/resolver.ts'

const never = new AbortController().signal
const v4 = (address: string): LookupAddress => ({ address, family: 4 })
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A name server in this process that answers when it is told to. */
function createHeld(lookupsPerOwner = 32) {
  const questions: { name: string; answer: (addresses: readonly LookupAddress[]) => void; cancelled: boolean }[] = []
  const resolve = createResolveName({
    servers: [],
    lookupsPerOwner,
    localNames: () => null,
    ask(name) {
      const { promise, resolve } = Promise.withResolvers<NameAnswer>()
      const answer = (addresses: readonly LookupAddress[]) => resolve({ addresses, ttlMs: 0, isWhole: true })
      const question = { name, answer, cancelled: false }
      questions.push(question)
      return {
        answer: promise,
        cancel() {
          question.cancelled = true
        },
      }
    },
  })
  return { questions, resolve }
}

/** Asks a real name server. */
async function createReal(t: TestContext, zone: (name: string, type: 'A' | 'AAAA') => DnsAnswer) {
  const server = await startNameServer(t, zone)
  const resolve = createResolveName({ servers: [`127.0.0.1:${server.port}`], localNames: () => null })
  return { server, lookup: async (name: string, owner = 'a') => (await resolve(name, owner, never)).map(({ address }) => address).sort() }
}

test('equal lookups in flight are one question, and each is judged by its own permit', async () => {
  const { questions, resolve } = createHeld()
  const rule = createAddressRule(() => false)
  const target = { host: 'db.example', port: 443 }
  const first = resolveJudged(resolve, rule, { ...target, allowed: [], owner: 'a' }, never)
  const second = resolveJudged(resolve, rule, { ...target, allowed: ['10.0.0.0/8'], owner: 'b' }, never)
  await turn()
  assert.equal(questions.length, 1)
  questions[0]?.answer([v4('10.0.0.1')])
  await assert.rejects(first, { code: 'address-denied' })
  assert.deepEqual(await second, [v4('10.0.0.1')])
})

test('without a place for answers, the next lookup asks again', async () => {
  const { questions, resolve } = createHeld()
  await eachCase(['8.8.8.8', '10.0.0.1'], async (address) => {
    const asked = resolve('a.example', 'a', never)
    await turn()
    questions.at(-1)?.answer([v4(address)])
    assert.deepEqual(await asked, [v4(address)])
  })
  assert.equal(questions.length, 2)
})

test('one who leaves takes no answer from the others, and the last one cancels the question', async () => {
  const { questions, resolve } = createHeld()
  const [leaving, staying] = [new AbortController(), new AbortController()]
  const left = resolve('a.example', 'a', leaving.signal)
  const stayed = resolve('a.example', 'b', staying.signal)
  await turn()
  leaving.abort(new Refusal('client-closed', 'gone'))
  await assert.rejects(left, { code: 'client-closed' })
  assert.equal(questions[0]?.cancelled, false)
  staying.abort(new Refusal('origin-timeout', 'late'))
  await assert.rejects(stayed, { code: 'origin-timeout' })
  assert.equal(questions[0]?.cancelled, true)
})

test('an owner whose lookups are all under way waits for its own, and nobody else waits for them', async () => {
  const { questions, resolve } = createHeld(2)
  const held = ['one', 'two', 'three', 'four'].map((name) => resolve(`${name}.example`, 'greedy', never))
  const other = resolve('other.example', 'modest', never)
  await turn()
  const asked = () => questions.map(({ name }) => name)
  assert.deepEqual(asked(), ['one.example', 'two.example', 'other.example'])
  questions[2]?.answer([v4('8.8.8.8')])
  assert.deepEqual(await other, [v4('8.8.8.8')])
  questions[0]?.answer([])
  await held[0]
  await turn()
  assert.deepEqual(asked().slice(3), ['three.example'])
})

test('one who gives up while waiting for its turn is asked nothing, and takes no turn', async () => {
  const { questions, resolve } = createHeld(1)
  const first = resolve('one.example', 'a', never)
  const giving = new AbortController()
  const second = resolve('two.example', 'a', giving.signal)
  const third = resolve('three.example', 'a', never)
  await turn()
  giving.abort(new Refusal('client-closed', 'gone'))
  await assert.rejects(second, { code: 'client-closed' })
  questions[0]?.answer([])
  await first
  await turn()
  questions[1]?.answer([v4('8.8.8.8')])
  await third
  assert.deepEqual(
    questions.map(({ name }) => name),
    ['one.example', 'three.example'],
  )
})

test('a name that is asked for beyond its owner’s share is given up in time all the same', async () => {
  const { resolve } = createHeld(1)
  void resolve('one.example', 'a', never)
  await assert.rejects(
    withDeadline(50, 'no connection to two.example', undefined, (signal) => resolve('two.example', 'a', signal)),
    { code: 'origin-timeout', message: 'no connection to two.example within 50 ms' },
  )
})

test('names that nobody answers for hold up no other name', async (t) => {
  const server = await startNameServer(t, (name, type) => (name.startsWith('silent') ? 'silence' : type === 'A' ? ['8.8.8.8'] : []))
  const resolve = createResolveName({ servers: [`127.0.0.1:${server.port}`], localNames: () => null })
  const stop = new AbortController()
  const silent = Array.from({ length: 40 }, (_, i) => resolve(`silent${i}.example`, `owner${i % 4}`, stop.signal))
  assert.deepEqual(await resolve('a.example', 'a', never), [v4('8.8.8.8')])
  stop.abort(new Refusal('client-closed', 'gone'))
  eachCase(await Promise.allSettled(silent), (item) => assert.equal(item.status, 'rejected'))
})

test('addresses of both families are found, and one that a family has not is no fault', async (t) => {
  const { lookup } = await createReal(t, (name, type) => {
    if (name === 'both.example') return type === 'A' ? ['8.8.8.8', '8.8.4.4'] : ['2606:4700::1111']
    if (name === 'six.example') return type === 'A' ? [] : ['2606:4700::1111']
    if (name === 'long.example') return { overTcp: type === 'A' ? ['8.8.8.8'] : [] }
    return 'nxdomain'
  })
  assert.deepEqual(await lookup('both.example'), ['2606:4700::1111', '8.8.4.4', '8.8.8.8'])
  assert.deepEqual(await lookup('six.example'), ['2606:4700::1111'])
  assert.deepEqual(await lookup('long.example'), ['8.8.8.8'])
  await assert.rejects(lookup('no.example'), { code: 'ENOTFOUND' })
})

test('a server that is silent about one family does not keep the other from being used', async (t) => {
  const { lookup } = await createReal(t, (_name, type) => (type === 'A' ? ['8.8.8.8'] : 'silence'))
  assert.deepEqual(await lookup('a.example'), ['8.8.8.8'])
})

test('an answer that comes only after the question was repeated is taken', async (t) => {
  let seen = 0
  const { server, lookup } = await createReal(t, (_name, type) => {
    if (type === 'AAAA') return []
    seen += 1
    return seen === 1 ? 'silence' : ['8.8.8.8']
  })
  assert.deepEqual(await lookup('a.example'), ['8.8.8.8'])
  assert.ok(server.asked.length > 2)
})

test('a dead name server is passed over for the next one', async (t) => {
  const server = await startNameServer(t, (_name, type) => (type === 'A' ? ['8.8.8.8'] : []))
  const dead = await startNameServer(t, () => 'silence')
  const resolve = createResolveName({ servers: [`127.0.0.1:${dead.port}`, `127.0.0.1:${server.port}`], localNames: () => null })
  assert.deepEqual(await resolve('a.example', 'a', never), [v4('8.8.8.8')])
})

test('the hosts file answers before any name server, as it stands now; localhost needs neither', async (t) => {
  const folder = createFolder(t, {
    hosts:
      '# a comment\n127.0.0.1 localhost\n10.1.2.3\tDB.internal db  # another\n::1 ip6-localhost\nfe80::1%lo scoped\n8.8.8.8 db.internal\nnonsense here\n',
  })
  const path = join(folder, 'hosts')
  const names = createLocalNames(path)
  const of = (name: string) => names(name)?.map(({ address }) => address) ?? null
  assert.deepEqual(of('db.internal'), ['10.1.2.3', '8.8.8.8'])
  assert.deepEqual(of('db'), ['10.1.2.3'])
  assert.deepEqual(of('localhost'), ['127.0.0.1'])
  assert.deepEqual(of('app.localhost'), ['127.0.0.1', '::1'])
  assert.deepEqual(of('ip6-localhost'), ['::1'])
  eachCase(['scoped', 'here', 'nonsense', 'internal', 'notlocalhost'], (unknown) => assert.equal(of(unknown), null, unknown))

  writeFileSync(path, '10.9.9.9 db\n')
  assert.deepEqual(of('db'), ['10.9.9.9'])
  assert.deepEqual(of('localhost'), ['127.0.0.1', '::1'])
  rmSync(path)
  assert.equal(of('db'), null)
})
