// Uploads into a folder, with Koa 3. Run it: npm install && npm start
import { bodyParser } from '@koa/bodyparser'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'
import Koa from 'koa'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})
const uploads = nodeHandler(holdfast)

const app = new Koa()
// Koa takes clients that leave for errors, and prints each of them.
app.on('error', (error, context) => context?.respond === false || console.error(error))
// Before body parsers: what they have read cannot be stored any more.
app.use((context, next) => {
  if (!/^\/api\/files(\/|$)/.test(context.path)) return next()
  // Holdfast answers by itself.
  context.respond = false
  return uploads(context.req, context.res)
})
app.use(bodyParser())
app.use((context) => {
  if (context.path === '/') context.body = 'Upload to /api/files/ with any tus 1.0.0 client.\n'
  if (context.path === '/echo') context.body = context.request.body
})

const port = Number(process.env.PORT ?? 8080)
const server = app.listen(port, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${port}/api/files/`))
// A PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
server.requestTimeout = 0

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', async () => {
  server.close()
  await holdfast.close()
  // Clients have that long to hear it.
  setTimeout(() => server.closeAllConnections(), 500).unref()
})
