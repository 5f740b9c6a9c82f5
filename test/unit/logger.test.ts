/** Lines of the operational log: what an operator needs of an error stays, and what is secret does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRedactor } from '../../src/redact/index.ts'
import { createLogger } from '../../src/telemetry/index.ts'

test('the code of an error is shown, and a code that may be a secret is not', () => {
  const lines: string[] = []
  const redactor = createRedactor([])
  const logger = createLogger({
    level: 'info',
    mask: (line) => redactor.text(line),
    destination: { write: (line) => void lines.push(line) },
  })
  const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
  logger.error({ err: error }, 'the log cannot be written')
  logger.warn({ err: 'no error at all' }, 'a text was thrown')
  logger.info({ query: { code: 'c2VjcmV0' } }, 'a login')
  const [failed, thrown, login] = lines.map((line) => JSON.parse(line))
  assert.deepEqual([failed.err.errorCode, failed.err.syscall, failed.err.message], ['ENOSPC', 'write', error.message])
  assert.match(failed.err.stack, /logger\.test\.ts/)
  assert.equal(thrown.err, 'no error at all')
  assert.deepEqual(login.query, { code: '[redacted]' })
})
