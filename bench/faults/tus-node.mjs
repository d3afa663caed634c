// @tus/server with @tus/s3-store in a process of its own, as its parent's one message describes it. Tells its port.
import http from 'node:http'
import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'

process.once('message', ({ client, options }) => {
  const s3ClientConfig = { ...client, bucket: options.bucket, forcePathStyle: true, ...options.client }
  const datastore = new S3Store({ partSize: options.partSize, minPartSize: options.partSize, s3ClientConfig })
  const server = new Server({ path: '/files', datastore })
  const listener = http.createServer((request, response) => void server.handle(request, response))
  listener.listen(0, '127.0.0.1', () => process.send(listener.address().port))
})
process.once('disconnect', () => process.exit())
