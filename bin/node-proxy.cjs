'use strict'
/**
 * For clients on a Node that does not know NODE_USE_ENV_PROXY (before 22.21 and 24.5): loaded by NODE_OPTIONS in their process, this
 * makes fetch and the default agents of http and https use the proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. Later versions do that
 * themselves, and then it does nothing. It stands alone: clients read a copy of it in the trust folder.
 */
const http = require('node:http')
const https = require('node:https')
const net = require('node:net')
const tls = require('node:tls')

const variable = (name) => process.env[name.toLowerCase()] || process.env[name] || ''
/** `null`: asked directly. */
const proxies = { 'http:': proxyOf('HTTP_PROXY'), 'https:': proxyOf('HTTPS_PROXY') }
const exceptions = variable('NO_PROXY')
  .split(/[\s,]+/)
  .filter(Boolean)

if (process.env.NODE_USE_ENV_PROXY === '1' && !process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) {
  http.globalAgent = createAbsoluteFormAgent()
  https.globalAgent = createTunnelAgent()
  proxyFetch()
}

function proxyOf(name) {
  try {
    const { protocol, hostname, port, username, password } = new URL(variable(name))
    if (protocol !== 'http:') return null
    const credentials = Buffer.from(decodeURIComponent(`${username}:${password}`)).toString('base64')
    return {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 80),
      headers: username === '' ? {} : { 'proxy-authorization': `Basic ${credentials}` },
    }
  } catch {
    return null
  }
}

/** For a scheme as URLs have it. A name in NO_PROXY stands for those below it too, a port for that one alone. */
function proxyFor(protocol, host, port) {
  const isExcepted = exceptions.some((exception) => {
    const [, name, only] = /^(.*?)(?::(\d+))?$/.exec(exception)
    const suffix = name.replace(/^\*?\.?/, '').toLowerCase()
    return (only === undefined || only === String(port)) && (name === '*' || host === suffix || host.endsWith(`.${suffix}`))
  })
  return isExcepted ? null : proxies[protocol]
}

/** Calls back with an error, or with null and the socket that leads to the host. */
function openTunnel(proxy, host, port, done) {
  const path = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`
  const { headers } = proxy
  http
    .request({ host: proxy.host, port: proxy.port, agent: false, method: 'CONNECT', path, headers: { host: path, ...headers } })
    .once('connect', ({ statusCode, statusMessage }, socket, rest) => {
      if (statusCode !== 200) {
        socket.destroy()
        return done(new Error(`the proxy refuses ${path}: ${statusCode} ${statusMessage}`))
      }
      if (rest.length > 0) socket.unshift(rest)
      done(null, socket)
    })
    .once('error', done)
    .end()
}

/** Of requests in plain HTTP, whose first line has the whole URL for a proxy. */
function createAbsoluteFormAgent() {
  return Object.assign(new http.Agent(http.globalAgent.options), {
    addRequest(req, options) {
      const { host, port } = options
      const proxy = proxyFor('http:', host, port)
      if (proxy === null) return http.Agent.prototype.addRequest.call(this, req, options)
      req.path = `http://${net.isIPv6(host) ? `[${host}]` : host}:${port}${req.path}`
      // A head that was written early has its fields as an array, or an Expect.
      if (req._header) req._header = req._header.replace(/ \S+( HTTP\/1\.1\r\n)/, ` ${req.path}$1${lines(proxy.headers)}`)
      else for (const [name, value] of Object.entries(proxy.headers)) req.setHeader(name, value)
      return http.Agent.prototype.addRequest.call(this, req, { ...options, host: proxy.host, port: proxy.port })
    },
  })
}

const lines = (headers) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

function createTunnelAgent() {
  const direct = https.Agent.prototype.createConnection
  return Object.assign(new https.Agent(https.globalAgent.options), {
    createConnection(options, done) {
      const proxy = proxyFor('https:', options.host, options.port)
      if (proxy === null) return direct.call(this, options, done)
      openTunnel(proxy, options.host, options.port, (error, socket) =>
        error === null ? done(null, direct.call(this, { ...options, socket })) : done(error),
      )
    },
  })
}

/** fetch asks through a global dispatcher. It is there before the program runs, whose own then takes its place. */
function proxyFetch() {
  const symbol = Symbol.for('undici.globalDispatcher.1')
  // Loads it.
  void globalThis.Headers
  const before = globalThis[symbol]
  // Some versions have one for the proxy, or no fetch.
  if (before?.constructor.name !== 'Agent') return
  const Agent = before.constructor
  const tunnelled = new Agent({ connect: connectTunnel })
  const plain = new Agent()
  globalThis[symbol] = Object.assign(new Agent(), {
    dispatch(options, handler) {
      const { protocol, hostname, port, host, origin } = new URL(options.origin)
      const proxy = proxyFor(protocol, hostname.replace(/^\[|\]$/g, ''), Number(port || (protocol === 'https:' ? 443 : 80)))
      if (proxy === null) return before.dispatch(options, handler)
      if (protocol === 'https:') return tunnelled.dispatch(options, handler)
      const headers = { host, ...fieldsOf(options.headers), ...proxy.headers }
      const to = `http://${net.isIPv6(proxy.host) ? `[${proxy.host}]` : proxy.host}:${proxy.port}`
      return plain.dispatch({ ...options, origin: to, path: `${origin}${options.path}`, headers }, handler)
    },
  })
}

/** A list of names and values, or an object. */
function fieldsOf(headers) {
  if (!Array.isArray(headers)) return headers
  return Object.fromEntries(headers.flatMap((name, index) => (index % 2 === 0 ? [[String(name).toLowerCase(), headers[index + 1]]] : [])))
}

function connectTunnel({ hostname, port, servername }, done) {
  const host = hostname.replace(/^\[|\]$/g, '')
  const proxy = proxyFor('https:', host, Number(port || 443))
  openTunnel(proxy, host, Number(port || 443), (error, socket) => {
    if (error !== null) return done(error, null)
    const secure = tls.connect({ socket, ALPNProtocols: ['http/1.1'], servername: servername || (net.isIP(host) ? '' : host) })
    const fail = (problem) => done(problem, null)
    secure.once('error', fail).once('secureConnect', () => {
      secure.off('error', fail)
      done(null, secure)
    })
  })
}
