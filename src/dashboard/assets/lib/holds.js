/** Legal holds: records that retention must leave. An auditor sees them; an operator adds and releases them. */
import { confirmAct } from './act.js'
import { get, post } from './api.js'
import { el, fill, given } from './dom.js'
import { at } from './format.js'
import { button, notice } from './parts.js'

/** `integration`: what the page is about, as the first choice. */
export function holdsPanel({ mayAct, integration, onClose, signal }) {
  const box = el('div', {}, el('p.quiet', {}, 'Reading…'))
  const panel = el(
    'aside.card.why',
    { 'aria-label': 'Legal holds' },
    el('div.card-head', {}, el('h2', { tabindex: '-1' }, 'Legal holds'), button('Close', onClose, 'plain')),
    el('p.quiet', {}, 'What is held stays in the log, whatever its age. Both acts are recorded.'),
    mayAct('operator')
      ? el(
          'div.buttons.start',
          {},
          button('Hold records', () => void add(), 'primary'),
        )
      : null,
    box,
  )

  async function draw() {
    try {
      const { holds } = await get('/v1/audit/holds', signal)
      fill(box, holds.length === 0 ? el('p', {}, 'Nothing is held.') : holds.map(holdOf))
    } catch (error) {
      if (error.name !== 'AbortError') fill(box, notice('bad', error.message))
    }
  }

  function holdOf({ id, from, to, integration: of, since, until, who, reason }) {
    return el(
      'section',
      { 'aria-label': `Hold ${id}` },
      el('h3', {}, given(reason)),
      el(
        'dl.facts',
        {},
        fact('Records', to === null ? `from ${from} on` : `${from} to ${to}`),
        fact('Of', of === null ? 'all integrations' : given(of)),
        fact('Since', at(since), ', by ', given(who)),
        fact('Until', until === null ? 'it is released' : at(until)),
        fact('Id', el('code', {}, given(id))),
      ),
      mayAct('operator')
        ? el(
            'div.buttons.start.spaced',
            {},
            button('Release', () => void release(id, reason), 'small'),
          )
        : null,
    )
  }

  async function add() {
    const done = await confirmAct({
      title: 'Hold records',
      text: 'Retention leaves them, and all that is newer, until the hold is released.',
      fields: [
        { name: 'integration', label: 'Integration', value: integration, hint: 'all of them, where it is empty' },
        { name: 'from', label: 'From record', type: 'number', value: '0' },
        { name: 'to', label: 'To record', type: 'number', hint: 'whatever comes, where it is empty' },
        { name: 'until', label: 'Until', type: 'date', hint: 'until it is released, where it is empty' },
      ],
      word: 'Hold',
      act: (values) => post('/v1/audit/holds', values),
    })
    if (done !== null) await draw()
  }

  async function release(id, reason) {
    const done = await confirmAct({
      title: 'Release the hold',
      subject: reason,
      text: 'Retention may remove its records, as their age and the size of the log say.',
      path: `/v1/audit/holds/${encodeURIComponent(id)}/release`,
      isDangerous: true,
      word: 'Release',
    })
    if (done !== null) await draw()
  }

  void draw()
  return panel
}

const fact = (name, ...value) => [el('dt', {}, name), el('dd', {}, ...value)]
