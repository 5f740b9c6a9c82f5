/** Where the audit log is shipped to, as sallyport.yaml says it. */

export { type SinkConfig, sinksSchema } from './sinks-schema.ts'
export { syslogFacilities } from './syslog-schema.ts'
