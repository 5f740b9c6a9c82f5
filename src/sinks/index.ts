/** Views of the log's records, and the sinks that they are shipped to. */
export { createFileSink, createStreamSink } from './file-sink.ts'
