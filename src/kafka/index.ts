/** What the sink that is a topic of Kafka and the consumer of that topic share: how a cluster is reached, and how messages are described. */
export { type KafkaConnection, type KafkaSasl, kafkaOptions, saslMechanisms } from './connection.ts'
export { headers } from './headers.ts'
