// Uploads into a bucket. Credentials come from where the AWS SDK finds them (environment, profile, role).
import http from 'node:http'
import { S3Client } from '@aws-sdk/client-s3'
import { createServer } from 'holdfast'
import { nodeHandler } from 'holdfast/node'
import { S3Store } from 'holdfast/s3'

const { S3_BUCKET = 'uploads', S3_ENDPOINT, PORT = '8080' } = process.env

// An endpoint is only needed for a provider other than AWS.
const service = new S3Client(S3_ENDPOINT ? { endpoint: S3_ENDPOINT, forcePathStyle: true } : {})
const store = new S3Store({ bucket: S3_BUCKET, service, objectPrefix: 'in/', metadataObjectPrefix: 'uploads/' })
const holdfast = createServer({ store, logger: console })

const server = http.createServer(nodeHandler(holdfast))
// A PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
server.requestTimeout = 0
server.listen(Number(PORT), '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}/files/`)
})

// What came of each upload is stored and committed; clients go on from there, on any node.
process.once('SIGTERM', async () => {
  server.close()
  await holdfast.close()
  // Clients have that long to hear it.
  setTimeout(() => server.closeAllConnections(), 500).unref()
  service.destroy()
})
