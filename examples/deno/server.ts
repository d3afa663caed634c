// Uploads into a folder, with Deno. Run it: npm install && npm start (or deno install && deno task start)
import process from 'node:process'
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

const server = Deno.serve({ hostname: '127.0.0.1', port: Number(process.env.PORT ?? 8080) }, async (request) => {
  const { pathname } = new URL(request.url)
  if (/^\/api\/files(\/|$)/.test(pathname)) return uploads(request)
  if (pathname === '/') return new Response('Upload to /api/files/ with any tus 1.0.0 client.\n')
  if (pathname === '/echo') return Response.json(await request.json())
  return new Response('There is nothing here.\n', { status: 404 })
})

// What came of each upload is stored and committed; clients go on from there.
Deno.addSignalListener('SIGTERM', async () => {
  await holdfast.close()
  await server.shutdown()
  Deno.exit()
})
