/** Sinks that are a topic of Kafka. */
import { z } from 'zod'
import { duration } from '../quantities.ts'
import type { Sourced } from '../sourced-schema.ts'
import { commonKeys } from './shared-keys.ts'

const topicName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

export const kafkaSchema = (sourced: Sourced) =>
  z
    .strictObject({
      type: z.literal('kafka').describe('A topic of Kafka, for the records of all gateways.'),
      ...commonKeys(sourced),
      brokers: z
        .array(z.string().regex(/^\S+:\d{1,5}$/, 'expected host:port'))
        .min(1)
        .describe('Some of the cluster’s brokers, `host:port`.'),
      topic: z
        .string()
        .regex(topicName, 'expected a name of letters, digits, ".", "_" and "-"')
        .describe('The topic. The gateway does not create it.'),
      compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).describe('How batches are compressed.').prefault('gzip'),
      heartbeat: duration()
        .describe(
          'How long a gateway without records is quiet before it sends its last checkpoint again, so that its silence means something.',
        )
        .prefault('60s'),
      tls: tlsSchema(sourced).optional(),
      sasl: saslSchema(sourced).optional(),
    })
    .refine(({ tls, sasl }) => tls !== undefined || !showsSecret(sasl?.mechanism), {
      error: 'PLAIN and OAUTHBEARER show the secret to whoever listens: they need "tls"',
      path: ['sasl'],
    })

const showsSecret = (mechanism: string | undefined) => mechanism === 'PLAIN' || mechanism === 'OAUTHBEARER'

const tlsSchema = ({ certificateText, privateKeyText }: Sourced) =>
  z
    .strictObject({
      ca: certificateText(
        'PEM file of the only CAs that the brokers’ certificates may come from; those that Node.js trusts where absent.',
      ).optional(),
      clientCertificate: z
        .strictObject({
          certificate: certificateText('PEM file of the certificate, and of what it was issued by.'),
          key: privateKeyText('PEM file of its key.'),
        })
        .describe('The gateway’s client certificate for the TLS handshake.')
        .optional(),
      serverName: z.string().min(1).describe('The name in the brokers’ certificates; that of their addresses where absent.').optional(),
    })
    .describe('Connects with TLS, 1.2 or later; `{}` for the defaults. In the clear where absent.')

const saslSchema = ({ secret, path }: Sourced) =>
  z
    .strictObject({
      mechanism: z
        .enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'])
        .describe('`PLAIN` shows the password to the broker and needs TLS; `SCRAM-…` does not show it; `OAUTHBEARER` shows a token.'),
      username: z.string().min(1).describe('The user’s name; of every mechanism but `OAUTHBEARER`.').optional(),
      password: secret('The user’s password.').optional(),
      tokenFile: path('File with the token of `OAUTHBEARER`; read again for each connection, since tokens end.').optional(),
    })
    .refine(({ mechanism, username, password, tokenFile }) => {
      const isToken = mechanism === 'OAUTHBEARER'
      return (tokenFile !== undefined) === isToken && [username, password].every((given) => (given === undefined) === isToken)
    }, 'OAUTHBEARER has a tokenFile, every other mechanism a username and a password')
    .describe('How the gateway logs in.')
