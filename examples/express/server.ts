// Uploads into a folder, with Express 5. Run it: npm install && npm start
import express from 'express'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  // The whole path, although Express cuts it off for what is mounted there.
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})

const app = express()
// Before body parsers: what they have read cannot be stored any more.
app.use('/api/files', nodeHandler(holdfast))
app.use(express.json())
app.get('/', (_, response) => void response.type('text').send('Upload to /api/files/ with any tus 1.0.0 client.\n'))
app.post('/echo', (request, response) => void response.json(request.body))

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
