// Uploads into a folder, with Bun. Run it: npm install && npm start (or bun install && bun start)
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { fetchHandler } from 'holdfast/fetch'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})
const uploads = fetchHandler(holdfast)

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT ?? 8080),
  // Seconds. Holdfast itself watches for bodies that stand still.
  idleTimeout: 0,
  // Bytes. Bun refuses longer bodies; its default is 128 MiB.
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  routes: {
    '/': new Response('Upload to /api/files/ with any tus 1.0.0 client.\n'),
    '/echo': { POST: async (request) => Response.json(await request.json()) },
    '/api/files': uploads,
    '/api/files/*': uploads,
  },
  fetch: () => new Response('There is nothing here.\n', { status: 404 }),
})
console.log(`listening on ${server.url}api/files/`)

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', async () => {
  await holdfast.close()
  await server.stop()
  process.exit()
})
