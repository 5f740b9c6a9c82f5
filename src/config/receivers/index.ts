/** Who is told of alerts, as sallyport.yaml says it. */
export { type ReceiverConfig, receiversSchema } from './receivers-schema.ts'
