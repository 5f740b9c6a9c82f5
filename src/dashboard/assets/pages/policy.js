/** Revisions, what each newly allows, what a shadow policy would decide otherwise; and the acts that put one into force. */

import { confirmAct } from '../lib/act.js'
import { get, getIfThere } from '../lib/api.js'
import { el, fill, given, lines } from '../lib/dom.js'
import { ago, at, count } from '../lib/format.js'
import { badge, button, card, figure, integrationLink, notice, table } from '../lib/parts.js'

const columns = [{ name: 'In force since' }, { name: 'Revision' }, { name: 'How' }, { name: 'Changed', kind: 'wide' }, { name: '' }]

const changesOf = (changed = {}) =>
  Object.entries(changed).map(([integration, what]) =>
    el('div', {}, integrationLink(integration), `: ${(Array.isArray(what) ? what : [what]).join(', ')}`),
  )

export function render({ main, mayAct }) {
  const figures = el('div.figures', {})
  const acts = el('div.buttons.start', {})
  const revisions = el('div', {})
  const [difference, shadow] = [el('div', {}), el('div', {})]
  const abort = new AbortController()
  fill(main, el('div.title-row', {}, el('h1', {}, 'Policy'), el('span.spacer', {}), acts), figures, revisions, difference, shadow)

  const act = async (options) => {
    if ((await confirmAct(options)) !== null) await refresh()
  }

  function draw(policy, status) {
    const { active, pinned, activations } = policy
    fill(
      figures,
      figure('In force', el('span', { title: active ?? '' }, active ?? 'none')),
      figure('Follows', pinned === null ? 'folders and bundles' : 'nothing: pinned', pinned === null ? '' : 'bad'),
      figure('Newest on disk', status.rejected === null ? 'in force' : 'rejected', status.rejected === null ? 'good' : 'bad'),
    )
    if (mayAct('operator'))
      fill(
        acts,
        button(
          'Reload',
          () =>
            void act({ title: 'Reload', text: 'Manifests and rules are read from disk; what is bad changes nothing.', path: '/v1/reload' }),
        ),
        button(
          'Roll back',
          () =>
            void act({
              title: 'Roll back',
              text: 'The revision before this one comes into force, whatever is in the folders, and stays until “Follow”.',
              path: '/v1/policy/rollback',
              isDangerous: true,
              word: 'Roll back',
            }),
        ),
        pinned === null
          ? null
          : button('Follow', () => void act({ title: 'Follow', text: 'Folders and bundles decide again.', path: '/v1/policy/follow' })),
      )
    const rejected =
      status.rejected === null
        ? null
        : [
            notice('bad', 'What is on disk is rejected, and older rules decide:'),
            lines(typeof status.rejected === 'string' ? status.rejected : JSON.stringify(status.rejected, null, 2)),
          ]
    const rows = activations.map((activation, index) => {
      const { revision, at: time, how, by, changed } = activation
      const first = activations.findIndex((other) => other.revision === revision) === index
      const isActive = revision === active && first
      return [
        el('time', { datetime: time, title: time }, at(time), el('span.quiet', {}, ` ${ago(time)}`)),
        [el('code', {}, given(revision)), ' ', isActive ? badge('good', pinned === null ? 'active' : 'active, pinned') : ''],
        `${how}${by ? ` by ${by}` : ''}`,
        changesOf(changed),
        el(
          'div.buttons.start',
          {},
          mayAct('auditor') ? button('Compare', () => void compare(revision, isActive ? 'latest' : active), 'small') : null,
          isActive || !mayAct('operator') || !first
            ? null
            : button(
                'Promote',
                () =>
                  void act({
                    title: 'Promote',
                    subject: revision,
                    text: 'This revision comes into force, whatever is in the folders, and stays until “Follow”.',
                    path: `/v1/policy/activate/${encodeURIComponent(revision)}`,
                    word: 'Promote',
                  }),
                'small',
              ),
        ),
      ]
    })
    fill(revisions, rejected, el('section.card.flush', {}, table('Revisions that were in force, newest first', columns, rows)))
  }

  async function compare(from, to) {
    fill(difference, card('Difference', el('p.quiet', {}, 'Comparing…')))
    difference.scrollIntoView({ block: 'nearest' })
    try {
      const query = new URLSearchParams({ from, ...(to !== 'latest' && { to }) })
      fill(difference, differenceCard(await get(`/v1/policy/diff?${query}`, abort.signal)))
    } catch (error) {
      if (error.name !== 'AbortError') fill(difference, notice('bad', error.message))
    }
  }

  async function refresh() {
    try {
      const [policy, status] = await Promise.all([get('/v1/policy', abort.signal), get('/v1/status', abort.signal)])
      draw(policy, status)
      if (mayAct('auditor')) await showShadow(status.shadow)
    } catch (error) {
      if (error.name !== 'AbortError') fill(revisions, notice('bad', error.message))
    }
  }

  async function showShadow(state) {
    if (!state)
      return void fill(
        shadow,
        card(
          'Shadow policy',
          el('p.quiet', {}, 'There is no shadow policy: policy.shadow in sallyport.yaml compares other rules with those in force.'),
        ),
      )
    const page = await getIfThere('/v1/audit/records?type=difference&limit=500', abort.signal)
    const groups = [...Map.groupBy(page?.entries ?? [], groupOf)].sort(([, a], [, b]) => b.length - a.length)
    const rows = groups.map(([, all]) => {
      const { integration, active, activeRule, shadow: other, shadowRule } = factsOf(all[0])
      return [
        integrationLink(integration),
        [decided(active), ' by ', el('code', {}, given(activeRule))],
        [decided(other), ' by ', el('code', {}, given(shadowRule))],
        count(all.length),
        el('a', { href: `#/audit?${new URLSearchParams({ filter: `type:difference integration:${integration}` })}` }, at(all[0].time)),
      ]
    })
    fill(
      shadow,
      el(
        'section.card',
        {},
        el('h2', {}, 'Shadow policy'),
        el('p', {}, state.problem ? notice('bad', state.problem) : ['Revision ', el('code', {}, given(state.revision ?? 'not ready'))]),
        table(
          'What the shadow policy decides otherwise, of the last 500 differences',
          [{ name: 'Integration' }, { name: 'In force' }, { name: 'Shadow' }, { name: 'Requests', kind: 'number' }, { name: 'Latest' }],
          rows,
          'It has decided nothing otherwise.',
        ),
      ),
    )
  }

  void refresh()
  return { stop: () => abort.abort() }
}

const decided = (allow) => badge(allow ? 'good' : 'bad', allow ? 'allow' : 'deny')

function factsOf({ integration, detail }) {
  const of = (name) => [...(detail ?? '').matchAll(new RegExp(`(?:^| )${name}=(true|false) ${name}Rule=(\\S+)`, 'g'))].at(-1) ?? []
  const [[, active, activeRule = ''], [, shadow, shadowRule = '']] = [of('active'), of('shadow')]
  return { integration, active: active === 'true', activeRule, shadow: shadow === 'true', shadowRule }
}

const groupOf = (entry) => JSON.stringify(factsOf(entry))

function differenceCard({ from, to, same, integrations, rules }) {
  const title = el('p', {}, el('code', {}, given(from)), ' → ', el('code', {}, given(to)))
  if (same) return card('Difference', title, el('p', {}, badge('good', 'the same')))
  return card('Difference', title, integrations.map(integrationChange), rules.map(ruleChange))
}

function integrationChange({ name, change, capabilities, fields }) {
  return [
    el('h3', {}, integrationLink(name), change === 'changed' ? '' : [' ', badge(change === 'added' ? 'info' : 'warn', change)]),
    el(
      'ul.plain-list',
      {},
      capabilities.map(capabilityChange),
      fields.map((field) => el('li', {}, given(field))),
    ),
  ]
}

function capabilityChange({ before, after, change, about, newlyAllowed, noLongerAllowed, changed, coveredBy }) {
  const place = before !== null && after !== null && before !== after ? `${after} (was ${before})` : (after ?? before)
  const covered =
    coveredBy === null ? '' : change === 'added' ? `; it allows nothing new (${coveredBy} did)` : `; ${coveredBy} still allows it`
  const list = (items, sign, kind) => items.map((item) => el(`div.${kind}`, {}, `${sign} `, given(item)))
  return el(
    'li',
    {},
    el('code', {}, given(place)),
    ` ${change}${covered}${about.length === 0 ? '' : `: ${about.join(', ')}`}`,
    list(newlyAllowed, '+ newly allowed', 'diff-add'),
    list(noLongerAllowed, '− no longer allowed', 'diff-del'),
    list(changed, '· changed', 'quiet'),
  )
}

/** A unified difference, each line marked by its sign and its colour. */
function ruleChange({ diff }) {
  const marked = diff.split('\n').map((line) => {
    const kind = line.startsWith('+') ? '.diff-add' : line.startsWith('-') ? '.diff-del' : ''
    return el(`span.line${kind}`, {}, line)
  })
  return el('pre', { tabindex: '0' }, marked)
}
