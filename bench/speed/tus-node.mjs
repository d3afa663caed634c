// @tus/server with @tus/s3-store, as its documentation shows it, with parts of 8 MiB. Tells its port.
import http from 'node:http'
import { S3Store } from '@tus/s3-store'
import { Server } from '@tus/server'

const { endpoint, bucket } = JSON.parse(process.argv[2])
const s3ClientConfig = { bucket, endpoint, region: 'us-east-1', forcePathStyle: true }
const datastore = new S3Store({ partSize: 8 * 1024 * 1024, s3ClientConfig })
const server = new Server({ path: '/files', datastore })
const listener = http.createServer((request, response) => void server.handle(request, response))
listener.requestTimeout = 0
listener.listen(0, '127.0.0.1', () => process.send(listener.address().port))
process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => process.exit())
