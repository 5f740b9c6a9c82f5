/** Kafka: one topic for the records of all gateways, keyed by gateway. */
export { createKafkaSink } from './kafka-sink.ts'
