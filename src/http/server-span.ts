/**
 * A request as the semantic conventions of OpenTelemetry for HTTP tell it. Pure.
 * @module
 */
import type { RequestHead } from '../protocol/message.js'
import type { Attributes, SpanOptions } from '../store/tracer.js'
import { redact } from './redact.js'

export interface ServedRequest {
  readonly head: RequestHead
  /** The method in effect. */
  readonly method: string
  readonly requestId: string
  /** Path under which uploads live, without a slash at its end. */
  readonly base: string
  readonly clientAddress: string | undefined
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Its name, and what is known when it begins. Names are few: an ID is none. */
export function serverSpan(served: ServedRequest): { readonly name: string; readonly options: SpanOptions } {
  const { head, base } = served
  const method = METHODS.has(served.method) ? served.method : '_OTHER'
  const path = head.target.split('?', 1)[0]!
  const route = path.startsWith(`${base}/`) && path.length > base.length + 1 ? `${base}/:id` : `${base}/`
  return {
    name: `${method === '_OTHER' ? 'HTTP' : method} ${route}`,
    options: {
      kind: 'server',
      carrier: head.fields,
      attributes: { ...attributesOf(served, path), 'http.route': route, 'http.request.method': method },
    },
  }
}

function attributesOf({ head, method, requestId, clientAddress }: ServedRequest, path: string): Attributes {
  const { fields, target, encrypted, remoteAddress } = head
  return {
    'http.request.method_original': method === head.method && METHODS.has(method) ? undefined : head.method,
    'url.path': redact(path),
    'url.query': target.includes('?') ? redact(target.slice(path.length)).slice(1) : undefined,
    'url.scheme': encrypted ? 'https' : 'http',
    'server.address': fields.host,
    'client.address': clientAddress,
    'network.peer.address': remoteAddress,
    'user_agent.original': fields['user-agent'],
    'holdfast.request.id': requestId,
  }
}
