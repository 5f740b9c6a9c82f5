/** OpenTelemetry: records as logs, over OTLP. */
export { createOtlpSink, type OtlpSettings } from './otlp-sink.ts'
