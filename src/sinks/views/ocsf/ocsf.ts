/** Records as events of the Open Cybersecurity Schema Framework (OCSF 1.8). */
import { fieldsOf, type View } from '../view.ts'
import { decidedEvent, refusedEvent, settledEvent } from './http-activity.ts'
import { actEvent, checkpointEvent, findingEvent, isFinding, lifecycleEvent } from './operation.ts'

export const ocsfView: View = {
  record(record, context) {
    const type = fieldsOf(record).text('type') ?? ''
    switch (type) {
      case 'decided':
        return decidedEvent(record, context)
      case 'refused':
        return refusedEvent(record, context)
      case 'settled':
        return settledEvent(record, context)
      case 'started':
      case 'stopped':
        return lifecycleEvent(record, context)
      default:
        return isFinding(type) ? findingEvent(record, context) : actEvent(record, context)
    }
  },
  checkpoint: ({ size, note, time }, context) => checkpointEvent({ type: 'checkpoint', time, size, note }, context),
}
