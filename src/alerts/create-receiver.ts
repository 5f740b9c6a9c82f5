/** Receivers as sallyport.yaml names them; what speaks to servers (20 MiB) is loaded with the first message. */
import type { ReceiverConfig } from '../config/index.ts'
import type { Receiver, Transport } from './receiver.ts'
import type { TransportContext } from './receivers/index.ts'

export function createReceiver(config: ReceiverConfig, context: TransportContext): Receiver {
  const { name, minSeverity, rules, integrations, owners, timeout: timeoutMs, maxDelay: maxDelayMs, maxWaiting } = config
  return {
    ...{ name, minSeverity, rules, integrations, owners, timeoutMs, maxDelayMs, maxWaiting },
    remindAfterMs: config.type === 'alertmanager' || config.remindAfter === 'never' ? null : config.remindAfter,
    isLatestEnough: config.type === 'alertmanager',
    transport: createLazyTransport(config, context),
  }
}

function createLazyTransport(config: ReceiverConfig, context: TransportContext): Transport {
  let loading: Promise<Transport> | null = null
  const loaded = () => {
    loading ??= import('./receivers/index.ts').then(({ createTransport }) => createTransport(config, context))
    return loading
  }
  return {
    send: async (notice, signal) => (await loaded()).send(notice, signal),
    sendDropped: async (dropped, signal) => (await loaded()).sendDropped(dropped, signal),
    ...(config.type === 'alertmanager' && {
      repeat: { everyMs: config.resend, send: async (alerts, signal) => (await loaded()).repeat?.send(alerts, signal) },
    }),
    close: async () => (await loading)?.close(),
  }
}
