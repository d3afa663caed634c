// Uploads into a folder, as a Web-standard handler: what Bun, Deno and workers serve, and what Hono and Next mount.
//   Bun:  bun examples/fetch.ts
//   Hono: app.all('/files/*', (context) => handler.fetch(context.req.raw))
//   Next: export const POST = handler.fetch, and so on for each method, in app/files/[[...id]]/route.ts
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { fetchHandler } from 'holdfast/fetch'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/files',
})

const uploads = fetchHandler(holdfast)

const handler = {
  async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname.startsWith('/files')) return uploads(request)
    return new Response('Upload to /files/ with any tus 1.0.0 client.\n')
  },
}

export default handler

/** What came of each upload is stored and committed; clients go on from there. Call it before the process ends. */
export const close = (): Promise<void> => holdfast.close()
