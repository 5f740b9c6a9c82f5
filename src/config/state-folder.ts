/** Every path in the state folder; no other file names one (docs/reference/state-folder.md). */
import { join } from 'node:path'

/** On this floor, since two of the paths are defaults of the configuration and the command line reads others without a gateway. */
export interface StateFolder {
  /** The gateway's own, mode 0700; its lock lies in it. */
  readonly folder: string
  /** Who may come in: hashes of tokens, and suspensions. */
  readonly access: string
  /** Where `audit.folder` is absent. */
  readonly audit: string
  /** The last good archive of each bundle of a server. */
  readonly bundles: string
  /** The interception CA, and the key of the certificates that it issues. */
  readonly ca: {
    readonly folder: string
    readonly key: string
    readonly certificate: string
    readonly bundle: string
    readonly leafKey: string
  }
  /** Programs that the gateway had to build, and scratch files of a compilation. */
  readonly compiler: string
  /** The revisions that were active, with all that they were made of. */
  readonly history: string
  /** Where `admin.socket` is absent. */
  readonly operatorSocket: string
  /** Compiled rules and masks. */
  readonly policies: string
  /** Totals per integration. */
  readonly usage: string
}

export function stateFolder(folder: string): StateFolder {
  const ca = join(folder, 'ca')
  return {
    folder,
    access: join(folder, 'access.json'),
    audit: join(folder, 'audit'),
    bundles: join(folder, 'bundles'),
    ca: {
      folder: ca,
      key: join(ca, 'ca.key'),
      certificate: join(ca, 'ca.crt'),
      bundle: join(ca, 'bundle.crt'),
      leafKey: join(ca, 'leaf-rsa.key'),
    },
    compiler: join(folder, 'compiler'),
    history: join(folder, 'policies/history'),
    operatorSocket: join(folder, 'admin.sock'),
    policies: join(folder, 'policies'),
    usage: join(folder, 'usage'),
  }
}
