/** How each type of receiver is spoken to. */
import type { ReceiverConfig } from '../../config/index.ts'
import type { Transport } from '../receiver.ts'
import { createAlertmanager } from './alertmanager.ts'
import { createPost, type PostOptions } from './post.ts'
import { createSlack } from './slack.ts'
import { createWebhook } from './webhook.ts'

export interface TransportContext {
  /** Its name, for those who have several. */
  readonly gateway: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function createTransport(config: ReceiverConfig, { gateway, now }: TransportContext): Transport {
  switch (config.type) {
    case 'webhook':
      return createWebhook({ post: createPost(postOf(config)), secret: config.secret ?? null, gateway, now })
    case 'alertmanager': {
      const post = createPost({ ...postOf(config), url: `${config.url.replace(/\/+$/, '')}/api/v2/alerts` })
      return createAlertmanager({ post, resendMs: config.resend, labels: config.labels, gateway, now })
    }
    case 'slack':
      return createSlack(createPost({ ...postOf(config), hidesPath: true }), gateway)
  }
}

function postOf(config: ReceiverConfig): PostOptions {
  const { name, url, ca = null, clientCertificate = null, timeout: timeoutMs } = config
  const { token = null, headers } = config.type === 'slack' ? { headers: {} } : config
  return {
    ...{ name, url, ca, clientCertificate, timeoutMs, bearer: token },
    headers: Object.entries(headers).map(([header, value]) => ({ name: header, value })),
  }
}
