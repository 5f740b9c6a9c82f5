/** The change that explain tells is enough, and lets nothing else pass. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { smallestChange, withAddition } from '../../src/authoring/explain.ts'
import { requestOf } from '../../src/policy/recorded.ts'
import { createJudge, integrationOf } from '../support/judge.ts'
import { recordArbitrary } from '../support/recorded-requests.ts'

const head = 'apiVersion: sallyport/v1\nkind: Integration\nname: weather\nowner: me\n'
/** Present manifests that come near, and one that says nothing. */
const manifests = fc.constantFrom(
  head,
  `${head}# kept\nnetwork:\n  - { hosts: [api.example.com], methods: [HEAD], paths: [/other] }\n  - { hosts: [x.test], tls: tunnel, ports: [1] }\n`,
  `${head}files: [{ name: data, root: ../data, actions: [stat], paths: [none] }, { name: out, root: /srv/out, actions: [list] }]\n`,
  `${head}services:\n  - name: search\n    methods: []\nnetwork: []\n`,
)

test('a denied request is allowed by the manifest with the change that explain tells', async (t) => {
  const judge = createJudge(t)
  await fc.assert(
    fc.asyncProperty(
      manifests,
      recordArbitrary,
      fc.array(recordArbitrary, { minLength: 10, maxLength: 10 }),
      async (text, record, others) => {
        const before = integrationOf(text)
        const [isAllowed] = await judge([before], [record])
        if (isAllowed) return
        const { request } = requestOf(record, () => before)
        const addition = smallestChange(request, text)
        assert.ok(addition !== null)
        const changedText = withAddition(text, addition)
        const changed = integrationOf(changedText)
        assert.deepEqual(await judge([changed], [record]), [true], changedText)
        assert.equal(changedText.includes('# kept'), text.includes('# kept'))
        // One capability for one request: what asks elsewhere, or for another action, is denied as before. A tunnel that is allowed
        // carries whatever is asked of its host, opened or not.
        const elsewhere = others.filter(
          ({ kind, action, subject }) =>
            kind !== 'tunnel' &&
            (subject['host'] !== record.subject['host'] ||
              (record.kind !== 'tunnel' && (kind !== record.kind || action !== record.action))),
        )
        assert.deepEqual(await judge([changed], elsewhere), await judge([before], elsewhere), changedText)
      },
    ),
    { numRuns: Number(process.env['SALLYPORT_RUNS'] ?? 150) },
  )
})
