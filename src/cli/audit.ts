/** `sallyport audit tail | verify`. */
import { tailAudit, verifyAudit } from '../audit/index.ts'
import { CommandError, exitCodes } from './exit.ts'

export interface TailFlags {
  readonly lines: number
  readonly follow: boolean
  readonly json: boolean
}

export async function auditTail(folder: string, { lines, follow, json }: TailFlags): Promise<void> {
  await requireLog(async () => {
    // A request is shown once, when it is settled, with what was decided about it.
    const open = new Map<string, Record<string, unknown>>()
    for await (const line of tailAudit(folder, { lines: json ? lines : lines * 2 + 20, follow })) {
      if (json) {
        process.stdout.write(`${line}\n`)
        continue
      }
      const shown = describe(JSON.parse(line) as Record<string, unknown>, open)
      if (shown !== null) process.stdout.write(`${shown}\n`)
    }
    for (const record of open.values()) process.stdout.write(`${row(record, null)}\n`)
  })
}

export async function auditVerify(folder: string, json: boolean): Promise<boolean> {
  const result = await requireLog(() => verifyAudit(folder))
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    const { ok, records, segments, head, unsettled, findings } = result
    process.stdout.write(
      ok
        ? `OK: ${records} records in ${segments} segment${segments === 1 ? '' : 's'}, the chain holds${unsettled > 0 ? `; ${unsettled} not settled (under way, or cut off by a crash)` : ''}\n`
        : `BROKEN: ${findings.length} finding${findings.length === 1 ? '' : 's'} in ${records} records\n`,
    )
    for (const { file, line, what } of findings) process.stdout.write(`  ${file}:${line}: ${what}\n`)
    process.stdout.write(`head ${head}\n`)
  }
  return result.ok
}

async function requireLog<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new CommandError(`there is no audit log yet (${path}); it begins when the gateway first starts`, exitCodes.unavailable)
    if (code === 'EACCES')
      throw new CommandError(`the audit log cannot be read by you (${path}); it belongs to the user that runs the gateway`)
    throw error
  }
}

function describe(record: Record<string, unknown>, open: Map<string, Record<string, unknown>>): string | null {
  const id = String(record['id'])
  switch (record['type']) {
    case 'decided':
    case 'refused':
      open.set(id, record)
      return null
    case 'settled': {
      const decided = open.get(id)
      open.delete(id)
      return decided === undefined ? null : row(decided, record)
    }
    case 'summed':
      return `${record['time']}  ${record['who']}  REFUSED  ${record['count']} times ${record['code']} between ${record['first']} and ${record['last']}`
    default: {
      const { seq: _seq, time, type, prev: _prev, ...facts } = record
      return `${time}  -  ${String(type).toUpperCase()}  ${Object.entries(facts)
        .filter(([, value]) => !Array.isArray(value) || value.length > 0)
        .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(' ')}`
    }
  }
}

function row(decided: Record<string, unknown>, settled: Record<string, unknown> | null): string {
  // What the policy allowed a later station may still have refused: a quota, a breaker, an address.
  const isRefused = decided['type'] === 'refused' || (decided['allow'] === true && settled?.['problem'] !== undefined)
  const verdict = isRefused ? 'REFUSED' : decided['allow'] === true ? 'ALLOW' : 'DENY'
  const why = decided['type'] === 'refused' ? `${decided['code']}: ${decided['detail']}` : String(decided['rule'])
  const end =
    settled === null
      ? '(not settled)'
      : `${settled['status']}${settled['problem'] !== undefined && settled['problem'] !== decided['code'] ? ` ${settled['problem']}` : ''} ${settled['durationMs']} ms${settled['complete'] === false ? ' broken off' : ''}`
  return [decided['time'], decided['integration'] ?? '-', verdict, what(decided), why, end].filter((part) => part !== '').join('  ')
}

function what({ kind, action, subject }: Record<string, unknown>): string {
  if (kind === undefined) return ''
  const about = subject as Record<string, unknown>
  switch (kind) {
    case 'http':
      return `${about['method']} ${about['scheme']}://${about['host']}:${about['port']}${about['path']}${about['query'] === undefined ? '' : `?${about['query']}`}`
    case 'tunnel':
      return `CONNECT ${about['host']}:${about['port']}`
    case 'service':
      return `${about['method']} service ${about['name']}${about['path']}`
    case 'file':
      return `${action} file ${about['root']}/${about['path']}`
    case 'lookup':
      return `resolve ${about['host']}`
    default:
      return `${action} ${kind}`
  }
}
