/** The types of sinks by their names in sallyport.yaml; each is loaded where it is configured. */
import type { SinkConfig } from '../config/index.ts'
import type { Sink, SinkContext } from './sink.ts'

/** Rejects with what keeps it from being served; nothing is connected before the first delivery. */
export async function createSink(config: SinkConfig, context: SinkContext): Promise<Sink> {
  switch (config.type) {
    case 'file':
      return (await import('./file-sink.ts')).createFileSink(config.path)
    case 'stdout':
      return (await import('./file-sink.ts')).createStreamSink(process.stdout)
    case 'syslog':
      return (await import('./syslog-sink.ts')).createSyslogSink(config, context)
    case 'webhook':
      return (await import('./webhook-sink.ts')).createWebhookSink(config)
    case 'kafka':
      return (await import('./kafka/index.ts')).createKafkaSink(config, context)
    case 'otlp':
      return (await import('./otlp/index.ts')).createOtlpSink(config, context)
  }
}
