// Uploads into a folder, with Fastify 5. Run it: npm install && npm start
import Fastify from 'fastify'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { uploads } from 'holdfast/fastify'

const holdfast = createServer({
  store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
  basePath: '/api/files',
  // Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-Host.
  trustProxy: process.env.TRUST_PROXY === '1',
})

const app = Fastify()
await app.register(uploads, { prefix: '/api/files', holdfast })
app.get('/', () => 'Upload to /api/files/ with any tus 1.0.0 client.\n')
app.post('/echo', (request) => request.body)

console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 8080) })}/api/files/`)

// What came of each upload is stored and committed, by the plugin; clients go on from there.
process.once('SIGTERM', () => app.close())
