// Uploads into a folder over TLS, by HTTP/2 and by HTTP/1.1, as each client chooses. Run it with a certificate:
// TLS_CERT=cert.pem TLS_KEY=key.pem npx tsx examples/node-http2.ts
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const { TLS_CERT = 'cert.pem', TLS_KEY = 'key.pem', UPLOADS = './data/uploads', PORT = '8443' } = process.env

const holdfast = createServer({ store: new DiskStore({ directory: UPLOADS }) })

const uploads = nodeHandler(holdfast)
const server = http2.createSecureServer({
  cert: readFileSync(TLS_CERT),
  key: readFileSync(TLS_KEY),
  allowHTTP1: true,
  // What a client may send unasked on each stream. Without it, an upload from afar is slow (docs/http2.md).
  settings: { initialWindowSize: 1024 * 1024 },
})
server.on('request', uploads)
server.on('checkContinue', uploads)
// Of HTTP/1.1: a PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
Object.assign(server, { requestTimeout: 0 })

const sessions = new Set<http2.ServerHttp2Session>()
server.on('session', (session) => {
  sessions.add(session)
  session.once('close', () => sessions.delete(session))
  session.setLocalWindowSize(8 * 1024 * 1024)
})

server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on https://127.0.0.1:${address.port}/files/`)
})

// What came of each upload is stored and committed; clients are told that this server takes no more, and go on elsewhere.
process.once('SIGTERM', async () => {
  server.close()
  for (const session of sessions) session.close()
  await holdfast.close()
  for (const session of sessions) session.destroy()
  process.exit(0)
})
