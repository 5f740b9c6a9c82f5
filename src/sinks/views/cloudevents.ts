/** Records in envelopes of CloudEvents 1.0 (JSON format); the data is the record as it is stored. */
import type { JsonObject } from '../../core/index.ts'
import { fieldsOf, present, type View, type ViewContext } from './view.ts'

export const cloudEventsView: View = {
  record(record, context) {
    const fields = fieldsOf(record)
    return envelope(record, String(fields.number('seq') ?? ''), fields.text('integration'), context)
  },
  checkpoint: ({ size, note, time }, context) =>
    envelope({ type: 'checkpoint', time, size, note }, `checkpoint-${size}`, undefined, context),
}

function envelope(data: JsonObject, id: string, subject: string | undefined, { origin }: ViewContext): JsonObject {
  const fields = fieldsOf(data)
  return present({
    specversion: '1.0',
    // With the source it is unique; both stay the same where a record arrives twice.
    id,
    source: `urn:${origin.replaceAll('/', ':')}`,
    type: `sallyport.audit.${fields.text('type') ?? 'unknown'}`,
    time: fields.text('time'),
    subject,
    datacontenttype: 'application/json',
    data,
  })
}
