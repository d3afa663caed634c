// @tus/server with @tus/s3-store, or with @tus/file-store if there is a `directory`, in a process of its own: version 1 leaves
// rejections unhandled, which would end a test. Settings come as JSON in the first argument; the port goes to the parent.
import http from 'node:http'

const { major, sizes, s3, directory } = JSON.parse(process.argv[2])
const { Server } = await import(major === 1 ? 'tus-server-1' : '@tus/server')
const { S3Store } = await import(major === 1 ? 'tus-s3-store-1' : '@tus/s3-store')
process.on('unhandledRejection', () => undefined)

const datastore = directory
  ? new (await import('@tus/file-store')).FileStore({ directory })
  : new S3Store({ partSize: sizes.part, minPartSize: sizes.minPart, s3ClientConfig: s3 })
const server = new Server({ path: '/files', datastore })
const listener = http.createServer((request, response) => void server.handle(request, response))
listener.listen(0, '127.0.0.1', () => process.send(listener.address().port))
process.once('disconnect', () => process.exit())
