/**
 * Uploads as a plugin of Fastify 5: it keeps Fastify's body parsers away, takes the whole path below its prefix, and has
 * uploads stored before the server closes.
 * @module
 */
import type { FastifyPluginAsync } from 'fastify'
import type { Serve } from './exchange.js'
import { nodeHandler } from './node.js'

/** What the plugin is registered with. */
export interface UploadsOptions {
  /** What `createServer` gave. Its `basePath` is the plugin's prefix, with the prefixes of the scopes around it. */
  holdfast: { readonly serve: Serve; close(): Promise<void> }
}

/**
 * `app.register(uploads, { prefix: '/files', holdfast })`. Hooks of the scopes around it run, and fields that they set are
 * sent; what only a reply of Fastify's passes through (onSend, compression) is not.
 */
export const uploads: FastifyPluginAsync<UploadsOptions> = async (scope, { holdfast }) => {
  const handle = nodeHandler(holdfast)
  // Those of Fastify would read bodies of the types they know, up to its bodyLimit, and refuse all other types.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _body, done) => done(null))
  for (const path of ['/', '/*']) {
    scope.all(path, (request, reply) => {
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      reply.hijack()
      handle(request.raw, reply.raw)
    })
  }
  // Before Fastify waits for the requests under way, which last as long as their clients send.
  scope.addHook('preClose', () => holdfast.close())
}
