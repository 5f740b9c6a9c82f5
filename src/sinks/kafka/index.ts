/** Kafka: one topic for the records of all gateways, keyed by gateway. */
export { type KafkaConnection, type KafkaSasl, kafkaOptions, saslMechanisms } from './connection.ts'
export { createKafkaSink, type KafkaSettings } from './kafka-sink.ts'
export { headers } from './messages.ts'
