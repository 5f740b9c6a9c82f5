/** `sallyport ca`: what the interception CA is, a new one in its place, and what makes clients trust it. */
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { type CertificateAuthority, prepareTrustFolder, publish, readAuthority } from '../certs/index.ts'
import { type Config, duration, trustFolder } from '../config/index.ts'
import { isFolderInUse } from '../files/index.ts'
import { rotateStopped } from '../gateway/index.ts'
import { ask } from './admin-client.ts'
import { CommandError, exitCodes } from './exit.ts'
import { howToTrust } from './how-to-trust.ts'

export async function caShow(config: Config, json: boolean): Promise<string> {
  const { certificate, overlap } = await requireAuthority(config)
  const shown = {
    subject: certificate.subject.replaceAll('\n', ', '),
    fingerprint: certificate.fingerprint256,
    validFrom: certificate.validFromDate.toISOString(),
    validTo: certificate.validToDate.toISOString(),
    before: overlap === null ? null : { fingerprint: overlap.previous.fingerprint256, until: new Date(overlap.untilMs).toISOString() },
    key: config.state.ca.key,
    files: config.trust,
  }
  if (json) return `${JSON.stringify(shown)}\n`
  const { certificate: pem, der, bundle, truststore } = config.trust
  const rows = [
    ['subject', shown.subject],
    ['SHA-256', shown.fingerprint],
    ['valid', `${shown.validFrom} to ${shown.validTo}`],
    ...(shown.before === null
      ? []
      : [['before', `${shown.before.fingerprint}, whose clients are kept working until ${shown.before.until}`]]),
    ['key', `${shown.key} (never hand it out)`],
    ['PEM', pem],
    ['DER', der],
    ['bundle', `${bundle} (with the system’s roots)`],
    ['truststore', `${truststore} (the same for the JVM; it needs no password)`],
  ]
  return rows.map(([name = '', value = '']) => `${name.padEnd(11)} ${value}\n`).join('')
}

/** `overlap`: a duration; `false`: clients of the CA before are cut off. Throws `CommandError`, and what keeps it from being recorded. */
export async function caRotate(config: Config, overlap: string | false): Promise<string> {
  const overlapMs = overlap === false ? null : millisecondsOf(overlap)
  await requireAuthority(config)
  const query = overlapMs === null ? '' : `?overlapMs=${overlapMs}`
  // The leaves of a gateway that runs come from the new CA when it answers.
  const answer = isFolderInUse(config.state.folder)
    ? await ask(config, 'POST', `/v1/ca/rotate${query}`, { isSlow: true })
    : await rotateStopped(config, overlapMs)
  const rotated = answer as Awaited<ReturnType<typeof rotateStopped>>
  if (!rotated.ok) throw new CommandError(rotated.problem)
  const { fingerprint, overlapUntil } = rotated
  const clients =
    overlapUntil === null
      ? 'clients have to be restarted, now, with what "sallyport env NAME" prints'
      : `clients that run are kept working until ${overlapUntil}: restart them before with what "sallyport env NAME" prints`
  return `rotated: SHA-256 ${fingerprint}, in ${config.trust.folder}\n${clients}\n`
}

/** `to`: a folder that gets all that clients need; else this is printed for each kind of client. */
export async function caTrust(config: Config, to: string | undefined): Promise<string> {
  const authority = await requireAuthority(config)
  if (to === undefined) return howToTrust(config.trust, spkiHash(authority))
  const folder = trustFolder(resolve(to))
  await prepareTrustFolder(folder.folder)
  await publish(authority, [folder])
  return `written to ${folder.folder}: ca.crt, ca.der, bundle.crt, truststore.p12, apt.conf, node-proxy.cjs; write them again after "sallyport ca rotate"\n`
}

/** As Chromium compares it: base64 of SHA-256 of the public key. */
function spkiHash({ certificate }: CertificateAuthority): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
}

async function requireAuthority({ state }: Config): Promise<CertificateAuthority> {
  const authority = await readAuthority(state.ca, Date.now()).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EACCES') throw new CommandError(error.message)
    throw new CommandError(`the CA cannot be read by you (${error.path}); it belongs to the user that runs the gateway`)
  })
  if (authority === null)
    throw new CommandError(`there is no CA yet (${state.ca.key}); it is made when the gateway first starts`, exitCodes.unavailable)
  return authority
}

function millisecondsOf(text: string): number {
  const { success, data, error } = duration().safeParse(text)
  if (!success) throw new CommandError(`--overlap ${text}: ${error.issues[0]?.message}`, exitCodes.usage)
  return data
}
