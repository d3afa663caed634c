// The same without Node's request and response, as Hono runs anywhere. Run it here: npm install && npm run start:web
import type { Server } from 'node:http'
import { serve } from '@hono/node-server'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { fetchHandler } from 'holdfast/fetch'
import { Hono } from 'hono'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})
const uploads = fetchHandler(holdfast)

const app = new Hono()
app.all('/api/files/*', (context) => uploads(context.req.raw))
app.get('/', (context) => context.text('Upload to /api/files/ with any tus 1.0.0 client.\n'))
app.post('/echo', async (context) => context.json(await context.req.json()))

const port = Number(process.env.PORT ?? 8080)
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () =>
  console.log(`listening on http://127.0.0.1:${port}/api/files/`),
) as Server
server.requestTimeout = 0

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', async () => {
  server.close()
  await holdfast.close()
  // Clients have that long to hear it.
  setTimeout(() => server.closeAllConnections(), 500).unref()
})
