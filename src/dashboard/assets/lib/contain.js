/** What an integration is held in, and the acts that change it. */

import { confirmAct } from './act.js'
import { get, getIfThere, post } from './api.js'
import { button } from './parts.js'

const lasting = {
  name: 'forMs',
  label: 'For',
  options: [
    ['', 'until it is lifted'],
    ['900000', '15 minutes'],
    ['3600000', '1 hour'],
    ['86400000', '1 day'],
  ],
}
const effects = [
  ['watched', 'watched: nothing is cut, everything is looked at'],
  ['throttled', 'throttled: a tenth of its quotas'],
  ['suspended', 'suspended: new requests are refused, what is open is cut'],
  ['killed', 'killed: the same, and only an operator ends it'],
]

/** By integration: `{ state, since, until, reason, by, approvals, pending }`; who is not in it is normal. `*` is everybody. */
export async function readStates(signal) {
  const [status, containment] = await Promise.all([get('/v1/status', signal), getIfThere('/v1/containment', signal)])
  const suspended = Object.entries(status.suspended ?? {}).map(([name, facts]) => [name, { state: 'suspended', ...facts }])
  const contained = (containment?.integrations ?? []).map((one) => [one.integration, one])
  return { status, canContain: containment !== null, states: Object.fromEntries([...suspended, ...contained]) }
}

const path = (name, word) => `/v1/integrations/${encodeURIComponent(name)}/${word}`

/** Buttons of an operator for this integration. `refresh` is called when something was done. */
export function containmentActs({ name, held, canContain, refresh }) {
  const act = async (options) => {
    if ((await confirmAct({ subject: name, ...options })) !== null) refresh()
  }
  const contain = () =>
    act({
      title: 'Contain',
      text: 'What is open is cut within a second where the state says so. The integration cannot lift it.',
      fields: [{ name: 'state', label: 'State', options: effects, value: 'suspended' }, lasting],
      path: path(name, 'contain'),
      isDangerous: true,
      word: 'Contain',
      act: ({ state, forMs, reason }) => post(path(name, 'contain'), { state, forMs, reason }),
    })
  const suspend = () =>
    act({
      title: 'Suspend',
      text: 'New requests are refused, and what is open is cut.',
      fields: [lasting],
      isDangerous: true,
      word: 'Suspend',
      act: ({ forMs, reason }) => post(path(name, 'suspend'), { forMs, reason }),
    })
  const simple = (title, word, text) => () => act({ title, text, path: path(name, word), word: title })
  const isNormal = held === undefined || held.state === 'normal'
  if (!canContain)
    return [
      isNormal
        ? button('Suspend', () => void suspend(), 'danger')
        : button('Resume', () => void simple('Resume', 'resume', 'Its requests are decided again.')(), 'primary'),
    ]
  return [
    held?.pending
      ? button(
          'Approve',
          () => void simple('Approve', 'approve', `${held.pending.by} has asked for it: ${held.pending.reason ?? 'without a reason'}`)(),
          'primary',
        )
      : null,
    isNormal ? null : button('Lift', () => void simple('Lift', 'lift', 'Its requests are decided again.')(), 'primary'),
    button('Contain', () => void contain(), isNormal ? 'danger' : ''),
  ]
}
