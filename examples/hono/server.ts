// Uploads into a folder, with Hono on Node. Run it: npm install && npm start
import type { Server } from 'node:http'
import { type HttpBindings, serve } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { fetchHandler } from 'holdfast/fetch'
import { nodeHandler } from 'holdfast/node'
import { Hono } from 'hono'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})
const uploads = nodeHandler(holdfast)
const heads = fetchHandler(holdfast)

const app = new Hono<{ Bindings: HttpBindings }>()
// Node's own request and response: no web streams on the way, and interim answers (104) can be sent.
app.all('/api/files/*', async ({ env, req }) => {
  // Of HEAD Hono makes an answer of its own, for which it needs a Response.
  if (req.method === 'HEAD') return heads(req.raw)
  await uploads(env.incoming, env.outgoing)
  return RESPONSE_ALREADY_SENT
})
app.get('/', (context) => context.text('Upload to /api/files/ with any tus 1.0.0 client.\n'))
app.post('/echo', async (context) => context.json(await context.req.json()))

const port = Number(process.env.PORT ?? 8080)
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () =>
  console.log(`listening on http://127.0.0.1:${port}/api/files/`),
) as Server
// A PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
server.requestTimeout = 0

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', async () => {
  server.close()
  await holdfast.close()
  // Clients have that long to hear it.
  setTimeout(() => server.closeAllConnections(), 500).unref()
})
