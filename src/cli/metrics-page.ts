/**
 * Where Prometheus asks: beside the uploads, or on a port of its own.
 * @module
 */
import { createServer } from 'node:http'
import type { Serve } from '../http/exchange.js'
import { nodeHandler } from '../http/node.js'
import type { Logger } from '../server.js'
import { listen, originOf, type Page } from './listen.js'
import type { Options } from './read-options.js'

type Apart = Pick<Options<'serve'>, 'metricsHost' | 'metricsPort' | 'metricsPath'>

/** What Prometheus 2 and 3 read. */
const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** @param text gives what is told */
export function metricsPage(path: string, text: () => Promise<string>): Page {
  const handler = nodeHandler({ serve: (exchange) => serve(exchange, text) })
  return (request, response) => {
    if ((request.url ?? '').split('?', 1)[0] !== path) return false
    handler(request, response)
    return true
  }
}

const serve = async (exchange: Parameters<Serve>[0], text: () => Promise<string>): Promise<void> => {
  const { method } = exchange.head
  const fields = { 'Content-Type': TYPE, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
  if (method !== 'GET' && method !== 'HEAD') {
    return exchange.answer({ status: 405, fields: { ...fields, Allow: 'GET, HEAD' }, text: 'Ask with GET.\n' })
  }
  try {
    await exchange.answer({ status: 200, fields, text: await text() })
  } catch {
    await exchange.answer({ status: 503, fields, text: 'The metrics cannot be had now.\n' })
  }
}

/** If it has a port of its own. @throws PlainError if nobody can listen there */
export async function serveMetricsApart(
  { metricsHost: host, metricsPort: port, metricsPath: path }: Apart,
  text: () => Promise<string>,
  log: Logger,
): Promise<void> {
  if (port === undefined) return
  const page = metricsPage(path, text)
  const server = createServer((request, response) => {
    if (!page(request, response)) nothing(request, response)
  })
  const bound = await listen(server, host, port, '--metrics-port')
  // Whoever scrapes keeps no process alive.
  server.unref()
  log.info({ url: `${originOf(host, bound)}${path}` }, 'metrics')
}

const nothing = nodeHandler({
  serve: (exchange) => exchange.answer({ status: 404, fields: { 'Content-Type': 'text/plain' }, text: 'Not here.\n' }),
})
