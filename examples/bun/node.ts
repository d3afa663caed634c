// The same with Bun's node:http: sends 104 to clients of the IETF draft, and Content-Length with downloads. Run it:
// npm install && npm run start:node
import http from 'node:http'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})
const uploads = nodeHandler(holdfast)

const server = http.createServer((request, response) => {
  if (/^\/api\/files(\/|\?|$)/.test(request.url ?? '')) return uploads(request, response)
  if (request.url === '/echo') return request.pipe(response)
  response.writeHead(request.url === '/' ? 200 : 404)
  response.end('Upload to /api/files/ with any tus 1.0.0 client.\n')
})
// A PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
server.requestTimeout = 0

const port = Number(process.env.PORT ?? 8080)
server.listen(port, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${port}/api/files/`))

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', async () => {
  server.close()
  await holdfast.close()
  // Clients have that long to hear it.
  setTimeout(() => process.exit(), 500)
})
