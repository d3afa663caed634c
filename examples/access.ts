// Two servers in one: the application signs URLs for its users, and the upload server believes them. Nobody else gets in.
import http from 'node:http'
import { createServer, signToken } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { nodeHandler } from 'holdfast/node'

const {
  UPLOADS = './uploads',
  PORT = '8080',
  UPLOAD_SECRET = 'at-least-32-characters-that-nobody-guesses',
} = process.env

const holdfast = createServer({
  store: new DiskStore({ directory: UPLOADS }),
  signedUrls: { secret: UPLOAD_SECRET, expiresIn: 60 * 60_000 },
  disableTerminationOfFinished: true,
  logger: console,
})
const uploads = nodeHandler(holdfast)

const server = http.createServer((request, response) => {
  if (request.url?.startsWith('/files')) return uploads(request, response)
  // How you know your users is your business; here, everybody is who they say.
  const user = request.headers['x-user']
  if (request.url !== '/upload-url' || typeof user !== 'string') return response.writeHead(404).end()
  const token = signToken(UPLOAD_SECRET, {
    expiresIn: 5 * 60_000,
    owner: user,
    limits: { maxSize: 2 ** 30, types: ['image/*', 'video/*'] },
    metadata: { user },
  })
  response.end(`/files/?token=${token}`)
})
server.requestTimeout = 0
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/files/`)
})

process.once('SIGTERM', async () => {
  await holdfast.close()
  server.close()
  server.closeAllConnections()
})
