// Uploads into a folder, with node:http. Run it: npx tsx examples/node-http.ts
import http from 'node:http'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/files',
  maxSize: 10 * 1024 ** 3,
})

const uploads = nodeHandler(holdfast)
const server = http.createServer((request, response) => {
  if (request.url?.startsWith('/files')) return uploads(request, response)
  response.end('Upload to /files/ with any tus 1.0.0 client.\n')
})
// A PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
server.requestTimeout = 0

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/files/`)
})

// What came of each upload is stored and committed; clients go on from there.
process.once('SIGTERM', async () => {
  server.close()
  await holdfast.close()
  // Clients have that long to hear it.
  setTimeout(() => server.closeAllConnections(), 500).unref()
})
