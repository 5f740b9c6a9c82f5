/** How a Kafka cluster is reached, as its client takes it: for the sink, and for the consumer of a fleet's records. */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'

export interface KafkaConnection {
  /** `host:port` of some of the cluster's brokers. */
  readonly brokers: readonly string[]
  /** Absent: in the clear. */
  readonly tls?: KafkaTls | undefined
  /** Absent: whoever connects is let in, or is known by its certificate. */
  readonly sasl?: KafkaSasl | undefined
}

interface KafkaTls {
  /** PEM. Absent: the CAs that Node.js trusts. */
  readonly ca?: string | undefined
  /** PEM. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string } | undefined
  /** Name in the brokers' certificates, where it is not that of their addresses. */
  readonly serverName?: string | undefined
}

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const

export interface KafkaSasl {
  readonly mechanism: (typeof saslMechanisms)[number]
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Of OAUTHBEARER: read again with each connection, since tokens end. */
  readonly tokenFile?: string | undefined
}

/** Of the base of all clients of `@platformatic/kafka`. */
export function kafkaOptions({ brokers, tls, sasl }: KafkaConnection) {
  return {
    clientId: 'sallyport',
    bootstrapBrokers: [...brokers],
    connectTimeout: 5000,
    requestTimeout: 10_000,
    timeout: 10_000,
    // Node.js names the host only where it is asked to, and no address can be named (RFC 6066 §3).
    ...(tls === undefined ? {} : { tls: tlsOptions(tls), tlsServerName: tls.serverName ?? !brokers.some(isAddress) }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  }
}

function isAddress(broker: string): boolean {
  return isIP(broker.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) !== 0
}

function tlsOptions({ ca, clientCertificate }: KafkaTls): TlsOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate.certificate, key: clientCertificate.key }),
  }
}

function saslOptions({ mechanism, username, password, tokenFile }: KafkaSasl) {
  return {
    mechanism,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tokenFile === undefined ? {} : { token: async () => (await readFile(tokenFile, 'utf8')).trim() }),
  }
}
