// Metrics for Prometheus: of requests, uploads, and requests to S3, on a port of their own. Needs prom-client.
import http from 'node:http'
import { S3Client } from '@aws-sdk/client-s3'
import { createServer } from 'holdfast'
import { prometheusMetrics } from 'holdfast/metrics/prometheus'
import { nodeHandler } from 'holdfast/node'
import { S3Store } from 'holdfast/s3'

const { S3_BUCKET = 'uploads', S3_ENDPOINT, PORT = '8080', METRICS_PORT = '9464' } = process.env

const metrics = prometheusMetrics()
const service = new S3Client(S3_ENDPOINT ? { endpoint: S3_ENDPOINT, forcePathStyle: true } : {})
// The store tells of its requests to S3 and of its memory, the server of all else.
const store = new S3Store({ bucket: S3_BUCKET, service, observers: [metrics] })
const holdfast = createServer({ store, observers: [metrics], logger: console })

const server = http.createServer(nodeHandler(holdfast))
server.requestTimeout = 0
server.listen(Number(PORT), '127.0.0.1', () => tell(server, 'listening on', '/files/'))

// Not where clients are: whoever reads metrics learns how much is uploaded, and what fails.
const scrapes = http.createServer(async (request, response) => {
  if (request.url === '/metrics') {
    const text = await metrics.text()
    response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text)
  } else if (request.url === '/readyz') {
    const { ready, code } = await holdfast.readiness()
    response.writeHead(ready ? 200 : 503).end(ready ? 'ready' : code)
  } else {
    response.writeHead(404).end()
  }
})
scrapes.listen(Number(METRICS_PORT), '127.0.0.1', () => tell(scrapes, 'metrics at', '/metrics'))

function tell(of: http.Server, what: string, path: string): void {
  const address = of.address()
  if (typeof address === 'object' && address) console.log(`${what} http://127.0.0.1:${address.port}${path}`)
}

process.once('SIGTERM', async () => {
  // From now on /readyz says no.
  await holdfast.close()
  for (const one of [server, scrapes]) {
    one.close()
    one.closeAllConnections()
  }
  service.destroy()
})
