/** Which addresses may be dialled: the whole of IANA's tables, the neighbours of each block, and what a capability's blocks admit. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { createAddressRule, createOwnPorts } from '../../src/egress/index.ts'
import { readDecision } from '../../src/policy/decision-reader.ts'
import { eachCase } from '../support/cases.ts'
import { alsoSpecial, deniedAllTheSame, edgesOf, holds, ipv4Registry, ipv6Registry } from '../support/iana.ts'

const rule = createAddressRule(() => false)

/** `''`, or the code of the refusal. */
function judge(address: string, allowed: readonly string[] = []): string {
  try {
    rule.judge('a.example', address, 443, allowed)
    return ''
  } catch (error) {
    return (error as { code: string }).code
  }
}

const every = [...ipv4Registry, ...ipv6Registry, ...alsoSpecial]
const isDenied = ({ block, reachable }: (typeof every)[number]) => reachable !== true || deniedAllTheSame.has(block)
const denied = every.filter(isDenied)
const open = every.filter((block) => !isDenied(block))

/** By the tables alone: the smallest block that holds it. */
function isSpecial(address: string): boolean {
  const holding = every.filter(({ block }) => holds(block, address)).sort((a, b) => lengthOf(b.block) - lengthOf(a.block))
  return holding[0] !== undefined && isDenied(holding[0])
}
const lengthOf = (block: string) => Number(block.split('/')[1])
for (const address of [
  '8.8.8.8',
  '1.1.1.1',
  '93.184.216.34',
  '223.255.255.255',
  '1.0.0.0',
  '2606:4700::1111',
  '2a00:1450:4001::200e',
  '2000::',
  '2001:4860:4860::8888',
])
  test(`public addresses of both families may be dialled: ${address}`, () => {
    assert.equal(judge(address), '', address)
  })

test('nothing in IANA’s special-purpose tables may be dialled but what leads out for everybody', () => {
  eachCase(denied, ({ block, name }) => {
    eachCase([edgesOf(block).first, edgesOf(block).last], (address) =>
      assert.equal(judge(address), 'address-denied', `${address} of ${block} ${name}`),
    )
  })
  eachCase(open, ({ block, name }) => {
    eachCase([edgesOf(block).first, edgesOf(block).last], (address) => assert.equal(judge(address), '', `${address} of ${block} ${name}`))
  })
})

/** Nothing stands in front of the first address, nor behind the last. */
const addressesIn = (...addresses: readonly (string | null)[]) => addresses.filter((address) => address !== null)

test('the neighbours of each block are judged by what they are themselves', () => {
  let allowed = 0
  eachCase(every, ({ block }) => {
    const { before, after } = edgesOf(block)
    eachCase(addressesIn(before, after), (address) => {
      assert.equal(judge(address), isSpecial(address) ? 'address-denied' : '', `${address} beside ${block}`)
      allowed += Number(!isSpecial(address))
    })
  })
  assert.ok(allowed > 50, `${allowed}`)
})

for (const { block } of denied)
  test(`a block of a capability admits exactly itself: ${block}`, () => {
    const { first, last, before, after } = edgesOf(block)
    const mapped = block === '::ffff:0:0/96'
    eachCase([first, last], (address) => assert.equal(judge(address, [block]), mapped ? 'address-denied' : '', `${address} by ${block}`))
    eachCase(addressesIn(before, after), (address) =>
      assert.equal(judge(address, [block]), isSpecial(address) ? 'address-denied' : '', `${address} beside ${block}`),
    )
  })

test('a block of one family admits nothing of the other, in no spelling', () => {
  const v4 = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '168.63.129.16', '0.0.0.0']
  eachCase(v4, (address) => {
    assert.equal(judge(address, ['::/0']), 'address-denied', address)
    assert.equal(judge(address, ['0.0.0.0/0']), '', address)
    eachCase([`::ffff:${address}`, `::FFFF:${address}`, `0:0:0:0:0:ffff:${address}`], (spelled) => {
      assert.equal(judge(spelled, ['::/0']), 'address-denied', spelled)
      assert.equal(judge(spelled, ['0.0.0.0/0', `${address}/32`]), 'address-denied', spelled)
    })
    eachCase([`::${address}`, `::ffff:0:${address}`, `64:ff9b::${address}`], (spelled) =>
      assert.equal(judge(spelled, ['0.0.0.0/0', `${address}/32`]), 'address-denied', spelled),
    )
  })
  eachCase(['::1', 'fd00::1', 'fe80::1'], (address) => {
    assert.equal(judge(address, ['0.0.0.0/0']), 'address-denied', address)
    assert.equal(judge(address, ['::/0']), '', address)
  })
  assert.equal(judge('8.8.8.8', ['10.0.0.0/8']), '')
  assert.equal(judge('::ffff:8.8.8.8'), 'address-denied')
})

for (const address of ['fe80::1%lo', '2606:4700::1111%1', '', 'localhost', '127.1', '1.2.3.4.5', '[::1]'])
  test(`what is no plain address is denied, whatever is allowed: ${JSON.stringify(address)}`, () => {
    assert.equal(judge(address, ['0.0.0.0/0', '::/0']), 'address-denied', address)
  })

test('a denial tells the operator the address and its block, and the caller neither', () => {
  assert.throws(
    () => rule.judge('a.example', '10.1.2.3', 443, []),
    (error: Error & { forOperator: string }) => {
      assert.equal(error.forOperator, '10.1.2.3 port 443 (10.0.0.0/8: private use)')
      assert.doesNotMatch(error.message, /10\.1\.2\.3/)
      return true
    },
  )
})

test('the gateway’s own ports are its own in every spelling of every address of this machine, and at no other', () => {
  const own = createOwnPorts()
  own.add([3128])
  const here = [
    '127.0.0.1',
    '127.9.8.7',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::0',
    '::ffff:127.0.0.1',
    '::FFFF:7f00:1',
    '::ffff:0.0.0.0',
    '::ffff:0:127.0.0.1',
    '::127.0.0.1',
  ]
  const interfaces = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
  eachCase(interfaces, ({ address, family }) => {
    here.push(address, ...(family === 'IPv4' ? [`::ffff:${address}`] : [address.toUpperCase()]))
  })
  eachCase(here, (address) => {
    assert.equal(own.isOwn(address, 3128), true, address)
    assert.equal(own.isOwn(address, 3129), false, address)
  })
  eachCase(['8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8', '128.0.0.1', '1.0.0.0', '::2:0:0:1'], (address) =>
    assert.equal(own.isOwn(address, 3128), false, address),
  )
})

test('an obligation names blocks that can be obeyed, or the decision is none', () => {
  const decide = (addresses: readonly string[]) =>
    readDecision({ allow: true, rule: 'r', reasons: [], obligations: { addresses } }, '1').allow
  eachCase(['10.0.0.0/8', '10.0.0.1', '::1', '::1/128', 'fd00::/8', '0.0.0.0/0', '::/0', '64:ff9b::/96'], (block) =>
    assert.equal(decide([block]), true, block),
  )
  eachCase(['10.0.0.0/33', '::/129', '10.0.0', 'a.example', '::ffff:0:0/96', '::ffff:10.0.0.1', 'fe80::1%lo', '10.0.0.0/08', ''], (block) =>
    assert.equal(decide([block]), false, block),
  )
})
