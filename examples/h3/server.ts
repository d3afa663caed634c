// Uploads into a folder, with h3 2. Run it: npm install && npm start
import { fromNodeHandler, H3, serve } from 'h3'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})

const app = new H3()
app.all('/api/files/**', fromNodeHandler(nodeHandler(holdfast)))
app.get('/', () => 'Upload to /api/files/ with any tus 1.0.0 client.\n')
app.post('/echo', (event) => event.req.json())

const port = Number(process.env.PORT ?? 8080)
// A PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
const options = { port, hostname: '127.0.0.1', silent: true, gracefulShutdown: false, node: { requestTimeout: 0 } }
const server = await serve(app, options).ready()
console.log(`listening on http://127.0.0.1:${port}/api/files/`)

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', async () => {
  const closed = server.close()
  await holdfast.close()
  await closed
})
