// One Holdfast in a process of its own, from dist/, as its parent's one message describes it. Tells its port.
import { mkdir, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3Client } from '@aws-sdk/client-s3'
import { nodeHandler } from '../../dist/http/node.js'
import { createServer } from '../../dist/index.js'
import { S3Store } from '../../dist/s3/index.js'

process.once('message', async ({ client, options, expiresAfter, hooks: kind }) => {
  const service = new S3Client({
    ...client,
    forcePathStyle: true,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const store = new S3Store({ service, ...options })
  if (options.capabilities?.conditionalWrites === 'none') await store.ready({ exclusive: true })
  let ahead = 0
  const now = () => Date.now() + ahead
  const holdfast = createServer({
    store,
    now,
    yieldTimeout: 3_000,
    completionTimeout: 3_000,
    expiresAfter,
    sweepInterval: 0,
    ...(kind === undefined ? {} : { hooks: hooksOf(kind) }),
  })
  const handle = nodeHandler(holdfast)
  // As test-faults/support/sweeping.ts has it.
  const serve = (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    if (pathname !== '/sweep') return handle(request, response)
    ahead = Number(searchParams.get('ahead'))
    holdfast.sweep({ keepExpired: Number(searchParams.get('keepExpired')) }).then(
      (report) => response.end(JSON.stringify(report)),
      (error) => response.writeHead(500).end(String(error)),
    )
  }
  const listener = http.createServer(serve).listen(0, '127.0.0.1')
  listener.once('listening', () => process.send(listener.address().port))
})
process.once('disconnect', () => process.exit())

// As test-faults/support/hooks.ts has it.
function hooksOf(kind) {
  const folder = join(tmpdir(), 'holdfast-faults-told')
  return {
    onFinish() {
      if (kind === 'accepts') return { headers: { 'X-Accepted': 'yes' } }
      throw Object.assign(new Error('It is refused.'), { status: 410 })
    },
    async onFinished({ deliveryId }) {
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, deliveryId.replace(':', '-')), '')
    },
  }
}
