/** Spans and metrics over OTLP. Loaded only where they are configured. */
export { startOtlp } from './start.ts'
