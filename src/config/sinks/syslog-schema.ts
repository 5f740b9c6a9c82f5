/** Sinks that are receivers of syslog over TLS. */
import { z } from 'zod'
import { tlsKeys } from '../remote.ts'
import type { Sourced } from '../sourced-schema.ts'
import { commonKeys } from './shared-keys.ts'

/** RFC 5424 §6.2.1, in its order; the names of syslog.conf. */
export const syslogFacilities = [
  ...[
    'kern',
    'user',
    'mail',
    'daemon',
    'auth',
    'syslog',
    'lpr',
    'news',
    'uucp',
    'cron',
    'authpriv',
    'ftp',
    'ntp',
    'audit',
    'alert',
    'clock',
  ],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as const

export const syslogSchema = (sourced: Sourced) =>
  z.strictObject({
    type: z.literal('syslog').describe('Syslog over TLS (RFC 5424, RFC 5425).'),
    ...commonKeys(sourced),
    host: z.string().min(1).describe('Name or address of the receiver; its certificate must be of this name.'),
    port: z.int().min(1).max(65_535).describe('Its port.').prefault(6514),
    ...tlsKeys(sourced),
    facility: z.enum(syslogFacilities).describe('The facility of the messages.').prefault('local0'),
  })
