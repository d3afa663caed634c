// Each file lands under its user and its own name, with headers of its own; GET leads to S3; what is finished is moved on.
import http from 'node:http'
import { S3Client } from '@aws-sdk/client-s3'
import { createServer } from 'holdfast'
import { nodeHandler } from 'holdfast/node'
import { S3Store } from 'holdfast/s3'

const { S3_BUCKET = 'uploads', S3_ENDPOINT, PORT = '8080' } = process.env

const service = new S3Client(S3_ENDPOINT ? { endpoint: S3_ENDPOINT, forcePathStyle: true } : {})
const store = new S3Store({
  bucket: S3_BUCKET,
  service,
  objectPrefix: 'files/',
  metadataObjectPrefix: 'uploads/',
  // Of what clients say, only this becomes metadata of the object.
  objectMetadata: ['filename'],
  object: { cacheControl: 'private, max-age=3600' },
})

const holdfast = createServer({
  store,
  logger: console,
  downloadRedirect: { expiresIn: 60_000 },
  hooks: {
    authorize({ request }) {
      // How you know your users is your business; here, everybody is who they say.
      const user = request.headers['x-user']
      if (!user) throw Object.assign(new Error('Say who you are.'), { status: 401 })
      return { owner: user }
    },
    onCreate({ upload: { id, owner, metadata } }) {
      const { filename = 'unnamed' } = metadata
      // The ID in it: no file replaces another of the same name.
      const name = filename.replaceAll('/', '_').trim() || 'unnamed'
      return { key: `${owner}/${id}/${name}`, object: { contentDisposition: `attachment; filename="${name}"` } }
    },
    // At least once, and safe to repeat: a copy that is there is found again.
    async onFinished({ upload }) {
      if (upload.metadata.archive === undefined) return
      const { key } = await store.moveUpload(upload.id, { key: `archive/${upload.id}` })
      console.log(`moved to ${key}`)
    },
  },
})

const server = http.createServer(nodeHandler(holdfast))
server.requestTimeout = 0
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/files/`)
})

process.once('SIGTERM', async () => {
  await holdfast.close()
  server.close()
  server.closeAllConnections()
  service.destroy()
})
