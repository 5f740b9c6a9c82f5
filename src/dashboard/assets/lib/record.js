/** One record of the audit log, or all of a request, each with its proof to download. */
import { get } from './api.js'
import { el, fill, given, lines } from './dom.js'
import { bytes, decisionOf, subjectOf } from './format.js'
import { button, card, decisionBadge, download, notice } from './parts.js'

/** A record that is about no request. */
export function recordPanel(entry, { onClose, signal }) {
  const facts = Object.entries(entry).filter(([, value]) => value !== null && value !== undefined)
  return el(
    'aside.card.why',
    { 'aria-label': 'One record' },
    el('div.card-head', {}, el('h2', { tabindex: '-1' }, `Record ${entry.index}`), button('Close', onClose, 'plain')),
    el(
      'dl.facts',
      {},
      facts.map(([name, value]) => [el('dt', {}, name), el('dd', {}, given(String(value)))]),
    ),
    el('div.buttons.start', {}, proofButton(entry.index, signal)),
  )
}

/** Each record about the request, as it is in the log. */
export function requestPanel(id, signal) {
  const box = card('Records', el('p.quiet', {}, 'Reading…'))
  get(`/v1/audit/requests/${encodeURIComponent(id)}`)
    .then(({ records: all, inside = [] }) =>
      fill(
        box,
        el('h2', {}, 'Records'),
        all.map(({ index, record }) =>
          el(
            'details',
            {},
            el('summary', {}, `${index}: `, given(record.type)),
            lines(JSON.stringify(record, null, 2)),
            el('div.buttons.start', {}, proofButton(index, signal)),
          ),
        ),
        inside.length === 0
          ? null
          : [
              el('h3', {}, 'Inside it'),
              el(
                'ul.plain-list',
                {},
                inside.map((one) =>
                  el('li', {}, decisionBadge(decisionOf(one)), ' ', given(subjectOf(one)), ` ${bytes(one.receivedBytes ?? 0)}`),
                ),
              ),
            ],
      ),
    )
    .catch((error) => fill(box, el('h2', {}, 'Records'), notice('bad', error.message)))
  return box
}

function proofButton(index, signal) {
  const said = el('span', { role: 'status' })
  const act = async () => {
    try {
      download(`record-${index}.tlog-proof`, 'text/plain', await proofOf(index, signal))
      fill(said, ' downloaded: “sallyport audit verify FILE --key KEY” verifies it without the log')
    } catch (error) {
      fill(said, notice('bad', error.message))
    }
  }
  return [button('Download proof', () => void act(), 'small'), said]
}

/** A record that was just written is in the next checkpoint, which is signed within a second. */
async function proofOf(index, signal, tries = 3) {
  try {
    return await get(`/v1/audit/proofs/${index}`, signal)
  } catch (error) {
    if (tries === 0 || ![404, 429, 503].includes(error.status)) throw error
    await new Promise((resolve) => setTimeout(resolve, 1000))
    return await proofOf(index, signal, tries - 1)
  }
}
