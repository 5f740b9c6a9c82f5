/** `sallyport audit follow`: reads the records of a fleet from its Kafka topic, and verifies them per gateway. */
import { readFileSync } from 'node:fs'
import { InvalidArgumentError, Option } from 'commander'
import { duration } from '../../config/index.ts'
import type { Finding, FollowResult, Gateway } from '../../fleet/index.ts'
import { type KafkaConnection, type KafkaSasl, saslMechanisms } from '../../kafka/index.ts'
import type { AddCommand } from '../every-command.ts'
import { CommandError, exitCodes } from '../exit.ts'
import { printLine } from './log-folder.ts'

interface FollowFlags {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly state: string
  readonly keys?: string
  readonly once?: boolean
  readonly silentAfter: number
  readonly retired: readonly string[]
  readonly writeLines?: string
  readonly writeFolders?: string
  readonly tls?: boolean
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsServerName?: string
  readonly sasl?: KafkaSasl['mechanism']
  readonly user?: string
  readonly passwordFile?: string
  readonly tokenFile?: string
  readonly json?: boolean
}

export function addFollow(add: AddCommand): void {
  add('follow', 'Read the records of all gateways from a Kafka topic, and verify them per gateway; exit 1 where something is wrong.')
    .requiredOption('--brokers <list>', 'host:port of some of the cluster’s brokers, separated by commas', brokerList)
    .requiredOption('--topic <name>', 'the topic of "type: kafka" in sallyport.yaml')
    .requiredOption('--state <folder>', 'where this command keeps how far it has read, and the hashes that it compares')
    .option('--keys <file>', 'verifier keys of the gateways, one per line; else the first key of each is trusted')
    .option('--once', 'end where the topic ends now, instead of waiting for more')
    .option('--silent-after <duration>', 'a gateway that sends nothing for longer is a finding', wholeDuration, 300_000)
    .option('--retired <origin>', 'a gateway that is gone: its silence is no finding; can be given more than once', collected, [])
    .option('--write-lines <file>', 'append what is read to this file, as JSON lines')
    .option('--write-folders <folder>', 'append what is read to a folder for each gateway in this one')
    .option('--tls', 'connect with TLS, trusting the CAs that Node.js trusts')
    .option('--tls-ca <file>', 'CAs to trust instead; PEM')
    .option('--tls-cert <file>', 'certificate to show; PEM')
    .option('--tls-key <file>', 'its key; PEM')
    .option('--tls-server-name <name>', 'name in the brokers’ certificates, where it is not that of their addresses')
    .addOption(new Option('--sasl <mechanism>', 'how to log in').choices(saslMechanisms))
    .option('--user <name>', 'for the log-in')
    .option('--password-file <file>', 'for the log-in')
    .option('--token-file <file>', 'for OAUTHBEARER; read again for each connection')
    .option('--json', 'print JSON lines: each finding, and at the end a line for each gateway')
    .action(async (flags: FollowFlags) => {
      if (!(await auditFollow(flags))) process.exitCode = exitCodes.failure
    })
}

/** False where there is a finding that is an error, in this run or one before it. */
async function auditFollow(flags: FollowFlags): Promise<boolean> {
  const { topic, state, keys, once: isOnce = false, silentAfter: silentAfterMs, retired, writeLines, writeFolders, json = false } = flags
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  // SQLite, which no other command is to wait for.
  const { createFirstUseKeys, createWriter, FollowError, follow, readKeys } = await import('../../fleet/index.ts')
  const writers = [
    ...(writeLines === undefined ? [] : [createWriter('lines', writeLines)]),
    ...(writeFolders === undefined ? [] : [createWriter('folders', writeFolders)]),
  ]
  if (keys === undefined) process.stderr.write('no --keys: the first key that each gateway is seen with is trusted\n')
  try {
    const result = await follow({
      ...{ connection: connectionOf(flags), topic, folder: state, isOnce, silentAfterMs, retired, signal: stop.signal },
      keys: keys === undefined ? createFirstUseKeys() : readKeys(keys),
      onFinding: (found) => printLine(json ? JSON.stringify(found) : findingRow(found)),
      onMessages: async (messages) => void (await Promise.all(writers.map((writer) => writer.write(messages)))),
      onFailure: (error) => void process.stderr.write(`the topic cannot be read now, and is tried again: ${error.message}\n`),
    })
    for (const row of json ? jsonRows(result) : summaryRows(result)) printLine(row)
    return result.gateways.every(isSound) && result.errors === 0
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code.startsWith('PLT_KFK_')) throw new CommandError(`the topic cannot be read: ${(error as Error).message}`, exitCodes.unavailable)
    throw error instanceof FollowError ? new CommandError(error.message) : error
  } finally {
    for (const writer of writers) await writer.close()
  }
}

function connectionOf(flags: FollowFlags): KafkaConnection {
  const { brokers, tls = false, tlsCa, tlsCert, tlsKey, tlsServerName, sasl, user, passwordFile, tokenFile } = flags
  const isTls = tls || [tlsCa, tlsCert, tlsKey, tlsServerName].some((given) => given !== undefined)
  if (sasl !== undefined && sasl !== 'OAUTHBEARER' && (user === undefined || passwordFile === undefined))
    throw new CommandError(`--sasl ${sasl} needs --user and --password-file`, exitCodes.usage)
  if (sasl === 'OAUTHBEARER' && tokenFile === undefined) throw new CommandError('--sasl OAUTHBEARER needs --token-file', exitCodes.usage)
  const [certificate, key] = [textOf(tlsCert), textOf(tlsKey)]
  if ((certificate === undefined) !== (key === undefined))
    throw new CommandError('--tls-cert and --tls-key need each other', exitCodes.usage)
  const clientCertificate = certificate === undefined || key === undefined ? undefined : { certificate, key }
  return {
    brokers,
    ...(isTls && { tls: { ca: textOf(tlsCa), clientCertificate, serverName: tlsServerName } }),
    ...(sasl !== undefined && { sasl: { mechanism: sasl, username: user, password: textOf(passwordFile)?.trimEnd(), tokenFile } }),
  }
}

function textOf(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`, exitCodes.noInput)
  }
}

/** All that it signed has come, and nothing was found about it. */
function isSound({ findings, missing, isSilent }: Gateway): boolean {
  return findings === 0 && missing.length === 0 && !isSilent
}

function findingRow({ level, origin, kind, text }: Finding): string {
  return `${level === 'error' ? 'ERROR' : 'note'}  ${origin}  ${kind}  ${text}`
}

function* summaryRows({ gateways }: FollowResult): Generator<string> {
  for (const gateway of gateways) {
    const { origin, records, next, proven, duplicates, findings } = gateway
    const shown = `${records} record${records === 1 ? '' : 's'} up to ${next - 1}, proven below ${proven?.size ?? 0}`
    const missing = gateway.missing.reduce((sum, [from, to]) => sum + to - from, 0)
    const rest = [
      ...(missing > 0 ? [`${missing} missing`] : []),
      ...(duplicates > 0 ? [`${duplicates} came again`] : []),
      ...(findings > 0 ? [`${findings} error${findings === 1 ? '' : 's'}`] : []),
      ...(gateway.isSilent ? ['silent'] : []),
    ]
    yield `${isSound(gateway) ? 'OK' : 'BROKEN'}  ${origin}  ${[shown, ...rest].join('; ')}`
  }
}

function* jsonRows({ gateways }: FollowResult): Generator<string> {
  for (const gateway of gateways) {
    const { origin, key, first, next, missing, proven, records, duplicates, findings, isSilent, hasStopped, lastMs } = gateway
    const last = new Date(lastMs).toISOString()
    const known = { origin, key, first, next, missing, proven: proven?.size ?? null, root: proven?.root ?? null, records, duplicates }
    yield JSON.stringify({ kind: 'gateway', ok: isSound(gateway), ...known, errors: findings, silent: isSilent, stopped: hasStopped, last })
  }
}

function brokerList(text: string): readonly string[] {
  const brokers = text.split(',').map((broker) => broker.trim())
  if (brokers.every((broker) => /^\S+:\d{1,5}$/.test(broker))) return brokers
  throw new InvalidArgumentError('it is host:port, or several of them separated by commas')
}

function wholeDuration(text: string): number {
  const { data } = duration().safeParse(text)
  if (data !== undefined) return data
  throw new InvalidArgumentError('it is a duration, such as 5m')
}

function collected(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}
