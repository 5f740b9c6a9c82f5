/** The frame of the dashboard: who is signed in, which page is shown, and the way between them. */
import { get, signIn, signOut, whenSignedOut } from './lib/api.js'
import { el, fill, given } from './lib/dom.js'
import { badge, button, notice } from './lib/parts.js'
import { applyTheme, themeButton } from './lib/theme.js'

const pages = {
  overview: { title: 'Overview', role: 'viewer' },
  live: { title: 'Live', role: 'auditor' },
  alerts: { title: 'Alerts', role: 'auditor' },
  policy: { title: 'Policy', role: 'viewer' },
  audit: { title: 'Audit', role: 'auditor' },
  integration: { title: 'Integration', role: 'viewer', isHidden: true },
}
const roles = ['viewer', 'auditor', 'operator']

const main = document.getElementById('main')
const nav = document.getElementById('nav')
const who = document.getElementById('who')

/** The one that is shown. */
let shown = { stop: () => {} }
let me = null

const mayAct = (role) => me !== null && roles.indexOf(me.role) >= roles.indexOf(role)

/** `#/integration/weather?tab=x` → `{ page: 'integration', name: 'weather', query }`. */
function placeOf(hash) {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [page = '', name = ''] = path.split('/')
  return { page: page in pages ? page : 'overview', name: decodeURIComponent(name), query: new URLSearchParams(query) }
}

async function show() {
  if (me === null || location.hash === '#main') return
  const { page, name, query } = placeOf(location.hash)
  shown.stop()
  shown = { stop: () => {} }
  for (const link of nav.querySelectorAll('a')) {
    if (link.dataset.page === page) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  const { title, role } = pages[page]
  document.title = `${title} – Sallyport`
  if (!mayAct(role))
    return void fill(main, el('h1', {}, title), notice('info', `This page is for the role ${role}, and you are ${me.role}.`))
  const { render } = await import(`./pages/${page}.js`)
  const next = placeOf(location.hash)
  if (next.page !== page || next.name !== name) return
  shown = render({ main, name, query, me, mayAct })
}

function signInForm(problem) {
  me = null
  shown.stop()
  fill(nav)
  fill(who, themeButton())
  const token = el('input', { id: 'token', type: 'password', autocomplete: 'current-password', required: true })
  const failed = notice('bad', problem ?? '')
  failed.hidden = problem === null
  const form = el(
    'form.card.sign-in',
    {
      async onsubmit(event) {
        event.preventDefault()
        await enter(token.value.trim()).catch((error) => {
          failed.hidden = false
          fill(failed, error.message)
        })
      },
    },
    el('h1', {}, 'Sign in'),
    el(
      'p',
      {},
      'On the machine of the gateway, "sallyport dashboard" opens this page for you. Elsewhere, give a token of admin.tokens or a JWT of your identity provider.',
    ),
    el('label', { for: 'token' }, 'Token'),
    token,
    failed,
    el('div.buttons', {}, el('button.primary', { type: 'submit' }, 'Sign in')),
  )
  fill(main, form)
  token.focus()
}

async function enter(secret) {
  await signIn(secret)
  await begin()
}

async function begin() {
  me = await get('/v1/me')
  fill(
    nav,
    el(
      'ul',
      {},
      Object.entries(pages)
        .filter(([, { isHidden, role }]) => isHidden !== true && mayAct(role))
        .map(([page, { title }]) => el('li', {}, el('a', { href: `#/${page}`, 'data-page': page }, title))),
    ),
  )
  fill(
    who,
    el('span.me', {}, given(me.name), ' ', badge('info', me.role)),
    themeButton(),
    button('Sign out', () => void signOut(), 'plain'),
  )
  await show()
}

async function start() {
  applyTheme()
  const once = /^#once=(\S+)$/.exec(location.hash)?.[1] ?? null
  if (once !== null) {
    // Used up, and in no history, bookmark or copied address.
    history.replaceState(null, '', '#/overview')
    return await enter(once).catch((error) => signInForm(error.message))
  }
  try {
    await begin()
  } catch {
    // A client certificate or a proxy in between may prove who it is.
    await enter(null).catch(() => signInForm(null))
  }
}

whenSignedOut(() => {
  if (me !== null) signInForm('The session is over.')
})
addEventListener('hashchange', async () => {
  await show()
  main.focus({ preventScroll: true })
  scrollTo(0, 0)
})
await start()
