/** Why one request was decided so: rule, line, capability, and what would change it. */
import { get } from './api.js'
import { el, fill, given, lines } from './dom.js'
import { at, bytes, decisionOf, ms, subjectOf } from './format.js'
import { button, decisionBadge, download, integrationLink, notice } from './parts.js'

const fact = (name, ...value) => [el('dt', {}, name), el('dd', {}, ...value)]

/** What the record itself says, at once; the rest once the gateway has asked the rules again. */
export function explainPanel(id, { record = null, onClose }) {
  const facts = el('dl.facts', {})
  const more = el('div', { 'aria-live': 'polite' }, el('p.quiet', {}, 'Asking the rules again…'))
  const title = el('h2', { tabindex: '-1' }, 'Why')
  const panel = el(
    'aside.card.why',
    { 'aria-label': 'Why it was decided so' },
    el('div.card-head', {}, title, button('Close', onClose, 'plain')),
    facts,
    more,
  )
  if (record !== null) showRecord(facts, record)
  void explain(id, facts, more)
  return panel
}

function showRecord(facts, record) {
  fill(
    facts,
    fact('Decision', decisionBadge(decisionOf(record))),
    fact('Request', given(subjectOf(record), 'span')),
    fact('Integration', integrationLink(record.integration)),
    record.rule === undefined ? null : fact('Rule', el('code', {}, given(record.rule))),
    record.code === undefined ? null : fact('Refused', el('code', {}, given(record.code)), ' ', given(record.detail ?? '')),
    fact('Capability', record.capability === undefined ? 'none allowed it' : el('code', {}, given(record.capability))),
    (record.reasons ?? []).length === 0
      ? null
      : fact(
          'Because',
          record.reasons.map((reason) => el('div', {}, given(reason))),
        ),
    record.peer === undefined
      ? null
      : fact(
          'Caller',
          given(`${record.peer} (${record.identity ?? 'proved nothing'}${record.credential ? `, ${record.credential}` : ''})`),
        ),
    fact('At', at(record.time)),
    fact('Id', el('a', { href: `#/audit?${new URLSearchParams({ id: record.id })}` }, el('code', {}, given(record.id)))),
    record.revision === undefined ? null : fact('Revision', el('code', {}, given(record.revision))),
  )
}

function showSettled(facts, { status, problem, durationMs, policyMs, firstByteMs, sentBytes, receivedBytes, dialled }) {
  facts.append(
    ...[
      fact(
        'Answered',
        `${status}${problem ? ` (${problem})` : ''} after ${ms(durationMs)}; ${bytes(sentBytes)} out, ${bytes(receivedBytes)} in`,
      ),
      fact(
        'Of that',
        [policyMs === undefined ? null : `policy ${ms(policyMs)}`, firstByteMs === undefined ? null : `first byte ${ms(firstByteMs)}`]
          .filter((part) => part !== null)
          .join(', ') || '–',
      ),
      dialled === undefined ? [] : fact('Dialled', given(`${dialled.address} port ${dialled.port}`)),
    ].flat(),
  )
}

async function explain(id, facts, more) {
  let explained
  try {
    explained = await get(`/v1/audit/explanations/${encodeURIComponent(id)}`)
  } catch (error) {
    return void fill(more, notice('info', `No explanation beyond the record: ${error.message}`))
  }
  const { trail, record, now, held = [], rulesNow, change, hopeless, isKept } = explained
  const told = trail ?? explained
  if (record !== undefined) showRecord(facts, record)
  else if (told.refused) showRecord(facts, told.refused)
  if (told.settled) showSettled(facts, told.settled)
  const rules = held.length > 0 ? held : (rulesNow?.held ?? [])
  fill(
    more,
    rules.length === 0
      ? null
      : [
          el('h3', {}, 'Rules that held'),
          el(
            'ul.plain-list',
            {},
            rules.map(({ file, row, text, message }) =>
              el('li', {}, el('code', {}, given(`${file}:${row}`)), ' ', given(message ?? text ?? '')),
            ),
          ),
        ],
    isKept === false ? notice('info', 'Its revision is no longer kept: it is explained by the files on disk.') : null,
    now === undefined || record === undefined
      ? null
      : [
          el('h3', {}, 'Asked again now'),
          el(
            'p',
            {},
            now.undecided
              ? 'cannot be decided from the record alone'
              : [decisionBadge(now.allow ? 'allow' : 'deny'), ' by ', el('code', {}, given(now.rule ?? ''))],
          ),
        ],
    changeOf(change, hopeless),
    button('Download as JSON', () => download(`explanation-${id}.json`, 'application/json', JSON.stringify(explained, null, 2)), 'small'),
  )
}

function changeOf(change, hopeless) {
  if (hopeless) return [el('h3', {}, 'What would change it'), el('p', {}, given(hopeless))]
  if (!change?.add) return null
  return [
    el('h3', {}, 'What would change it'),
    el(
      'p',
      {},
      'Add this to ',
      el('code', {}, given(change.manifest)),
      '; the real rules then allow it by ',
      el('code', {}, given(change.rule)),
      '. Review it first.',
    ),
    lines(yamlOf(change.add)),
  ]
}

/** Enough of YAML for an addition to a manifest: maps and lists, texts as JSON writes them where they need it. */
function yamlOf(value, indent = '') {
  const scalar = (given) => (typeof given === 'string' && /^[A-Za-z/][\w./-]*$/.test(given) ? given : JSON.stringify(given))
  return Object.entries(value)
    .map(([key, list]) =>
      Array.isArray(list) && list.some((item) => typeof item === 'object')
        ? `${indent}${key}:\n${list
            .map(
              (item) =>
                `${indent}  - { ${Object.entries(item)
                  .map(
                    ([name, part]) =>
                      `${name}: ${Array.isArray(part) ? `[${part.map(scalar).join(', ')}]` : typeof part === 'object' ? JSON.stringify(part) : scalar(part)}`,
                  )
                  .join(', ')} }`,
            )
            .join('\n')}`
        : `${indent}${key}: ${typeof list === 'object' ? JSON.stringify(list) : scalar(list)}`,
    )
    .join('\n')
}
