/**
 * Incoming webhooks of Slack, and of what takes the same messages. Names come from integrations: none of them may mention people,
 * make a link or a layout, or look like something else.
 */
import { visibleText } from '../../text/index.ts'
import type { Notice, NoticeEvent, Transport } from '../receiver.ts'
import type { Post } from './post.ts'

const maxCharacters = 300

export function createSlack(post: Post, gateway: string): Transport {
  const send = (text: string, signal: AbortSignal) =>
    post.send(JSON.stringify({ text, mrkdwn: true, link_names: false, unfurl_links: false, unfurl_media: false }), {}, signal)
  return {
    send: (notice, signal) => send(textOf(notice, gateway), signal),
    sendDropped: ({ count, from, to }, signal) =>
      send(
        `:warning: *${count} messages were given up* between ${timeOf(from)} and ${timeOf(to)}, since too many waited. ${code('sallyport alerts list')} has all alerts. Gateway: ${code(gateway)}`,
        signal,
      ),
    close: post.close,
  }
}

function textOf({ event, alert, at }: Notice, gateway: string): string {
  const { severity, title, detail, integration, owner, destination, rule, count, ids, acknowledgedBy, reason, id, playbook } = alert
  const lines = [
    `${marks[event]} *${words[event]}* (${severity})${integration === null ? '' : ` ${code(integration)}`}: ${code(title)}`,
    code(detail),
    fields({ destination, owner, rule, gateway, playbook }),
    fields({ alert: id, time: timeOf(at), found: count === 1 ? 'once' : `${count} times`, requests: ids.slice(0, 3).join(' ') }),
    ...(event === 'acknowledged' ? [fields({ by: acknowledgedBy, reason })] : []),
    ...(event === 'reminder' ? [`Nobody has acknowledged it: ${code(`sallyport alerts ack ${id}`)}`] : []),
  ]
  return lines.join('\n')
}

const marks: Readonly<Record<NoticeEvent, string>> = {
  ...{ raised: ':rotating_light:', reopened: ':rotating_light:', escalated: ':rotating_light:', reminder: ':alarm_clock:' },
  ...{ acknowledged: ':eyes:', resolved: ':white_check_mark:', test: ':test_tube:' },
}

const words: Readonly<Record<NoticeEvent, string>> = {
  raised: 'Alert',
  reopened: 'Alert is back',
  escalated: 'Alert is worse',
  reminder: 'Alert is still open',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
  test: 'Test',
}

function fields(values: Readonly<Record<string, string | null>>): string {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === null || value === '' ? [] : [`${name}: ${code(value)}`]))
    .join(', ')
}

/**
 * In a span of code nothing is a mention, a link or a layout; what would end the span is replaced. Slack reads `<!channel>` and
 * `<https://…|text>` everywhere, so `<`, `>` and `&` are escaped as it asks for. Others look for `@all`: it is broken up.
 */
function code(text: string): string {
  const shown = visibleText(text).slice(0, maxCharacters).toWellFormed()
  const whole = shown.replaceAll('`', 'ˋ').replaceAll('@', '@\u200B')
  return `\`${whole.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\``
}

function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
