import assert from 'node:assert/strict'
import dns from 'node:dns'
import net, { type AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { S3Client } from '@aws-sdk/client-s3'
import { S3Store } from '../../src/s3/index.js'
import { bodyOf } from '../support/body.js'
import {
  BUCKET,
  head,
  idOf,
  KNOWN,
  offsetOf,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
} from '../support/stack.js'

const KiB = 1024
const SMALL = { minPartSize: KiB, preferredPartSize: 4 * KiB, maxObjectSize: 40 * 1024 * KiB, capabilities: KNOWN }

async function open(context: TestContext) {
  const bucket = await openBucket({ minPartSize: KiB })
  context.after(() => bucket.close())
  return bucket
}

/** A server that is asked by the name of the bucket, as `uploads.localhost`; it answers for every name. */
async function byName(context: TestContext, port: number): Promise<{ port: number; hosts: Set<string> }> {
  const hosts = new Set<string>()
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1')
    client.on('data', (bytes) => {
      for (const [, host] of bytes.toString('latin1').matchAll(/^host: (\S+)/gim)) hosts.add(host!.split(':')[0]!)
    })
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) socket.on('error', () => client.destroy(void upstream.destroy()))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  context.after(() => server.close())
  return { port: (server.address() as AddressInfo).port, hosts }
}

/** Names below localhost are this machine (RFC 6761), which not every resolver knows. */
function resolveLocally(context: TestContext): void {
  const lookup = dns.lookup as (...args: unknown[]) => void
  context.mock.method(dns, 'lookup', (name: string, ...rest: unknown[]) =>
    lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, ...rest),
  )
}

for (const forcePathStyle of [true, false]) {
  test(`the bucket is in the ${forcePathStyle ? 'path' : 'host'} of every request, of the bytes' too`, async (context) => {
    resolveLocally(context)
    const bucket = await open(context)
    const { port, hosts } = await byName(context, bucket.bucket.port)
    const service = new S3Client({
      endpoint: `http://localhost:${port}`,
      region: 'us-east-1',
      forcePathStyle,
      credentials: bucket.bucket.credentials,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    })
    const node = await startNode(bucket, { ...SMALL, provider: 'other', service })
    context.after(() => node.close())
    const bytes = someBytes(11_111)
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    assert.equal((await patch(url, 0, bytes.subarray(0, 9_000))).status, 204)
    assert.equal((await patch(url, 9_000, bytes.subarray(9_000))).status, 204)
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
    assert.deepEqual([...hosts], [forcePathStyle ? 'localhost' : `${BUCKET}.localhost`])
    service.destroy()
  })
}

test('while S3 completes slowly: HEAD is 503 with Retry-After, never done, and then done', async (context) => {
  const bucket = await open(context)
  const node = await startNode(bucket, SMALL, { completionTimeout: 100, yieldTimeout: 100 })
  context.after(() => node.close())
  const bytes = someBytes(20 * KiB)
  const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
  bucket.bucket.intercept = ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { action: 'delay', ms: 1_500 } : undefined
  const finishing = patch(url, 0, bytes)
  let isDone = false
  void finishing.then(() => {
    isDone = true
  })
  let asked = 0
  while (!isDone) {
    const told = await head(url)
    if (told.status === 200 && offsetOf(told) === bytes.length) {
      assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
    } else if (told.status === 503) {
      asked++
      assert.ok(told.headers.get('Retry-After'))
    } else assert.equal(told.status, 200)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.ok(asked > 0, 'somebody asked while S3 was at it')
  assert.equal((await finishing).status, 204)
  assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
})

test('an endpoint that takes connections and never speaks: given up after the timeout, told as 503', async (context) => {
  const silent = net.createServer(() => undefined).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const { port } = silent.address() as AddressInfo
  context.after(() => silent.close())
  for (const scheme of ['http', 'https']) {
    const service = new S3Client({
      endpoint: `${scheme}://127.0.0.1:${port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      maxAttempts: 1,
    })
    const store = new S3Store({ bucket: BUCKET, service, ...SMALL, requestTimeout: 200, maxAttempts: 2 })
    const handle = await store.create(
      { id: 'x', length: 100, metadata: {}, metadataField: undefined },
      { appendFollows: true },
    )
    const started = performance.now()
    await assert.rejects(handle.append(0, bodyOf([someBytes(100)], { length: 100 })), { code: 'ERR_STORE_UNAVAILABLE' })
    assert.ok(performance.now() - started < 20_000)
    await store.close()
    service.destroy()
  }
})
