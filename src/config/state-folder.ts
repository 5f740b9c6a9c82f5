/** Every path in the state folder; no other file names one (docs/reference/state-folder.md). */
import { join } from 'node:path'

/** On this floor, since two of the paths are defaults of the configuration and the command line reads others without a gateway. */
export interface StateFolder {
  /** The gateway's own, mode 0700; its lock lies in it. */
  readonly folder: string
  /** Who may come in: hashes of tokens. */
  readonly access: string
  /** Where `audit.folder` is absent. */
  readonly audit: string
  /** What questions to the audit log are answered from; made from the log, and anew where it is removed. */
  readonly auditIndex: string
  /** Where `audit.key` is absent. */
  readonly auditKey: string
  /** The last good archive of each bundle of a server. */
  readonly bundles: string
  /** What integrations are held in. */
  readonly containment: string
  /** The interception CA, the key of the certificates that it issues, and what clients need to trust it. */
  readonly ca: AuthorityFolder
  /** Programs that the gateway had to build, and scratch files of a compilation. */
  readonly compiler: string
  /** The token of the integration that drills are made with. */
  readonly drillToken: string
  /** The revisions that were active, with all that they were made of. */
  readonly history: string
  /** Legal holds on the audit log. */
  readonly holds: string
  /** The operator's: while it is there, what it names is killed. */
  readonly kill: string
  /** Where `admin.socket` is absent. */
  readonly operatorSocket: string
  /** Compiled rules and masks. */
  readonly policies: string
  /** What scheduled reviews know of the audit log. */
  readonly review: string
  /** How far each sink of the audit log has come. */
  readonly sinks: string
  /** Totals per integration. */
  readonly usage: string
  /** What watching has learned. */
  readonly watch: string
}

/** What a client needs to trust the CA; all of it is public. */
export interface TrustFolder {
  readonly folder: string
  /** PEM, for what adds to a trust store. */
  readonly certificate: string
  readonly der: string
  /** PEM, for what replaces a trust store: the system's roots too. */
  readonly bundle: string
  /** PKCS #12 of the same, for the JVM. */
  readonly truststore: string
  /** Names the bundle to apt. */
  readonly aptConfig: string
  /** For Node that reads no variables of a proxy by itself. */
  readonly nodeProxy: string
}

export interface AuthorityFolder extends TrustFolder {
  readonly key: string
  readonly leafKey: string
  /** The newest certificate, and of the CA before it what keeps its clients working for a while. */
  readonly rotation: string
}

export function trustFolder(folder: string): TrustFolder {
  return {
    folder,
    certificate: join(folder, 'ca.crt'),
    der: join(folder, 'ca.der'),
    bundle: join(folder, 'bundle.crt'),
    truststore: join(folder, 'truststore.p12'),
    aptConfig: join(folder, 'apt.conf'),
    nodeProxy: join(folder, 'node-proxy.cjs'),
  }
}

export function stateFolder(folder: string): StateFolder {
  const ca = join(folder, 'ca')
  return {
    folder,
    access: join(folder, 'access.json'),
    audit: join(folder, 'audit'),
    auditIndex: join(folder, 'audit-index'),
    auditKey: join(folder, 'audit.key'),
    bundles: join(folder, 'bundles'),
    containment: join(folder, 'containment.json'),
    ca: { ...trustFolder(ca), key: join(ca, 'ca.key'), leafKey: join(ca, 'leaf-rsa.key'), rotation: join(ca, 'rotation.pem') },
    compiler: join(folder, 'compiler'),
    history: join(folder, 'policies/history'),
    holds: join(folder, 'audit-holds.json'),
    kill: join(folder, 'kill'),
    operatorSocket: join(folder, 'admin.sock'),
    policies: join(folder, 'policies'),
    review: join(folder, 'review.json'),
    sinks: join(folder, 'sinks'),
    usage: join(folder, 'usage'),
    drillToken: join(folder, 'drill-token'),
    watch: join(folder, 'watch.db'),
  }
}
