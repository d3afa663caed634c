/**
 * Where uploads live: the ID in a request's target, and the URL of an upload as this client can reach it.
 * @module
 */
import { UploadError } from '../errors.js'
import type { RequestHead } from '../protocol/message.js'

export interface LocationOptions {
  /** Path under which uploads live, with or without slashes around it; or the absolute URL that clients see. */
  basePath: string
  /** Believes Forwarded, X-Forwarded-Proto and X-Forwarded-Host. Only behind a proxy that sets or removes them. */
  trustProxy: boolean
  /** Location has no scheme and host. An absolute URL as basePath wins over this. */
  relativeLocation: boolean
}

export interface Location {
  /**
   * The upload that a target means; undefined for the collection.
   * @throws UploadError ERR_UPLOAD_NOT_FOUND outside of the base path · ERR_INVALID_REQUEST for malformed escapes
   */
  idOf(target: string): string | undefined
  /**
   * The upload that a URL means which the client of this request wrote: absolute or relative, with or without a slash at
   * its end. Undefined if it is none of this server's, as far as its host is known.
   */
  idOfUrl(url: string, head: RequestHead): string | undefined
  /** The URL of an upload; only its path if the host is unknown or not to be repeated. */
  locate(id: string, head: RequestHead): string
}

/** @throws UploadError ERR_INVALID_OPTIONS */
export function locationOf({ basePath, trustProxy, relativeLocation }: LocationOptions): Location {
  const { origin, path } = parseBase(basePath)
  return {
    idOf: (target) => idOf(target, path),
    idOfUrl(url, head) {
      // Behind a proxy that rewrites the host, which is what relative locations are for, no host can be compared.
      const expected = origin ?? (relativeLocation ? '' : originOf(head, trustProxy))
      return idOfUrl(url, expected, head.target, path)
    },
    locate(id, head) {
      const relative = `${path}/${encodeId(id)}`
      return (origin ?? (relativeLocation ? '' : originOf(head, trustProxy))) + relative
    },
  }
}

/** The path has a slash in front and none at its end; it is empty for the root. */
function parseBase(basePath: string): { origin: string | undefined; path: string } {
  const trim = (path: string): string => path.replace(/^\/+|\/+$/g, '')
  const isAbsolute = /^[a-z][a-z0-9+.-]*:/i.test(basePath)
  const url = parseUrl(basePath, isAbsolute)
  if (!url || url.search || url.hash || url.username || !/^https?:$/.test(url.protocol)) {
    const message = 'basePath must be a path or an http(s) URL, without query and fragment.'
    throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  const path = trim(url.pathname)
  return { origin: isAbsolute ? url.origin : undefined, path: path === '' ? '' : `/${path}` }
}

function parseUrl(basePath: string, isAbsolute: boolean): URL | undefined {
  const text = isAbsolute ? basePath : `http://localhost/${basePath.replace(/^\/+/, '')}`
  return URL.canParse(text) ? new URL(text) : undefined
}

function idOf(target: string, base: string): string | undefined {
  const path = pathOf(target)
  if (path === base || path === `${base}/`) return undefined
  if (!path.startsWith(`${base}/`)) throw new UploadError('ERR_UPLOAD_NOT_FOUND')
  try {
    return decodeURIComponent(path.slice(base.length + 1))
  } catch (cause) {
    throw new UploadError('ERR_INVALID_REQUEST', { message: 'The path has a malformed percent-escape.', cause })
  }
}

/** The scheme is not compared: a proxy may end TLS without saying so. */
function idOfUrl(text: string, origin: string, target: string, base: string): string | undefined {
  const here = `${origin || 'http://localhost'}${pathOf(target)}`
  if (!URL.canParse(text, here)) return undefined
  const url = new URL(text, here)
  const isRelative = !/^([a-z][a-z0-9+.-]*:|[/\\]{2})/i.test(text)
  if (!/^https?:$/.test(url.protocol)) return undefined
  if (origin !== '' && !isRelative && hostPort(url) !== hostPort(new URL(origin))) return undefined
  try {
    return idOf(withoutSlashesAtEnd(url.pathname), base)
  } catch {
    return undefined
  }
}

/** A pattern would look at each run of slashes to its end, from each slash of it. */
function withoutSlashesAtEnd(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}

/** The default ports of both schemes are none. */
const hostPort = ({ hostname, port }: URL): string =>
  port === '' || port === '80' || port === '443' ? hostname : `${hostname}:${port}`

/** Without query and fragment; of an absolute-form target (RFC 9112, 3.2.2) without scheme and host. */
function pathOf(target: string): string {
  const path = target.replace(/[?#].*$/s, '').replace(/^https?:\/\/[^/]*/i, '')
  return path === '' ? '/' : path
}

/** Slashes and `+` are part of IDs (folders; tusd's `object+multipart`) and stay readable. */
const encodeId = (id: string): string =>
  encodeURIComponent(Buffer.from(id, 'utf8').toString('utf8')).replaceAll('%2F', '/').replaceAll('%2B', '+')

/** `https://host:port` as the client sees this server; empty if nothing says so in a form that can be repeated. */
function originOf({ fields, encrypted }: RequestHead, trustProxy: boolean): string {
  let proto = encrypted ? 'https' : 'http'
  let host = fields.host
  if (trustProxy) {
    const forwarded = parseForwarded(fields.forwarded)
    const first = (name: string): string | undefined => fields[name]?.split(',', 1)[0]?.trim()
    proto = schemeOf(forwarded.proto) ?? schemeOf(first('x-forwarded-proto')) ?? proto
    host = hostOf(forwarded.host) ?? hostOf(first('x-forwarded-host')) ?? host
  }
  const name = hostOf(host)
  if (name === undefined) return ''
  const port = proto === 'https' ? ':443' : ':80'
  return `${proto}://${name.endsWith(port) ? name.slice(0, -port.length) : name}`
}

const schemeOf = (proto: string | undefined): string | undefined =>
  proto !== undefined && /^https?$/i.test(proto) ? proto.toLowerCase() : undefined

/** With the underscore, which host names in container networks have. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/

/** A name, IPv4 or bracketed IPv6 address, with a port or without; undefined for anything else. */
const hostOf = (host: string | undefined): string | undefined =>
  host !== undefined && host.length <= 261 && HOST.test(host) ? host : undefined

/** `proto` and `host` of the first element, which is the client's side of the first proxy (RFC 7239, 4). */
function parseForwarded(field: string | undefined): { proto?: string; host?: string } {
  const found: { proto?: string; host?: string } = {}
  // Blanks behind a pair belong to it, so that blanks alone can be read in one way only (and the pattern stays linear).
  const pair = /[ \t]*(?:(?<name>[A-Za-z]+)=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<token>[^\s;,"]*))[ \t]*)?(?<end>[;,]|$)/y
  for (let match = pair.exec(field ?? ''); match?.groups; match = pair.exec(field!)) {
    const { name = '', quoted, token = '', end } = match.groups
    const value = quoted === undefined ? token : quoted.replace(/\\(.)/g, '$1')
    if (/^proto$/i.test(name)) found.proto ??= value
    if (/^host$/i.test(name)) found.host ??= value
    if (end !== ';') break
  }
  return found
}
