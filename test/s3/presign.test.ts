import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { DiskStore } from '../../src/disk/index.js'
import { fetchHandler } from '../../src/http/fetch.js'
import { presign } from '../../src/s3/call/sign.js'
import { createServer, type ServerOptions } from '../../src/server.js'
import {
  BUCKET,
  type OpenBucket,
  openBucket,
  patch,
  post,
  someBytes,
  startNode,
  TUS,
  temporaryFolder,
} from '../support/stack.js'

test('a presigned URL is that of the example in the documentation of AWS', () => {
  const credentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }
  const when = { now: new Date('2013-05-24T00:00:00Z'), seconds: 86_400 }
  const query = presign('/test.txt', {}, 'examplebucket.s3.amazonaws.com', credentials, 'us-east-1', when)
  assert.equal(
    query,
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
      '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  )
})

describe('downloads that lead to the store', () => {
  let bucket: OpenBucket
  const nodes: Awaited<ReturnType<typeof startNode>>[] = []
  before(async () => {
    bucket = await openBucket()
  })
  after(async () => {
    for (const node of nodes) await node.close()
    await bucket.close()
  })
  const start = async (store: Parameters<typeof startNode>[1] = {}, server: Partial<ServerOptions> = {}) => {
    const node = await startNode(bucket, store, { downloadRedirect: true, ...server })
    nodes.push(node)
    return node
  }
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const upload = async (node: { url: string }, bytes: Uint8Array, metadata = ''): Promise<string> => {
    const created = await post(node, { 'Upload-Length': String(bytes.length), 'Upload-Metadata': metadata })
    const location = created.headers.get('Location')!
    assert.equal((await patch(location, 0, bytes)).status, 204)
    return location
  }
  const get = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(url, { headers: { ...TUS, ...headers }, redirect: 'manual' })

  test('GET is 307 to a URL by which anybody reads the content, with the type and the name that GET would have told', async () => {
    const node = await start()
    const bytes = someBytes(5_000)
    const location = await upload(node, bytes, `filename ${base64('Ünï "x".png')},filetype ${base64('image/png')}`)
    const answer = await get(location)
    assert.equal(answer.status, 307)
    assert.equal(answer.headers.get('Cache-Control'), 'no-store')
    assert.equal(answer.headers.get('Tus-Resumable'), '1.0.0')
    const content = await fetch(answer.headers.get('Location')!)
    assert.equal(content.status, 200)
    assert.deepEqual(Buffer.from(await content.arrayBuffer()), Buffer.from(bytes))
    const direct = await get((await plain(location)).href)
    assert.equal(direct.status, 200)
    for (const name of ['Content-Type', 'Content-Disposition', 'ETag']) {
      assert.equal(content.headers.get(name), direct.headers.get(name), name)
    }
    await direct.arrayBuffer()
  })

  /** The same upload at a node that sends the content itself. */
  const plain = async (location: string): Promise<URL> => {
    const node = await start({}, { downloadRedirect: false })
    return new URL(location.slice(location.lastIndexOf('/') + 1), node.url)
  }

  test('a client that follows has the range that it asked for', async () => {
    const bytes = someBytes(5_000)
    const location = await upload(await start(), bytes)
    const answer = await fetch(location, { headers: { ...TUS, Range: 'bytes=10-19' } })
    assert.equal(answer.status, 206)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes.subarray(10, 20))
  })

  test('what a browser would run is a download at the store, too', async () => {
    const location = await upload(await start(), someBytes(10), `filetype ${base64('text/html')}`)
    const answer = await fetch(location)
    assert.equal(answer.headers.get('Content-Disposition'), 'attachment')
    await answer.arrayBuffer()
  })

  test('no byte of the content goes through the server, and HEAD stays as it was', async () => {
    const location = await upload(await start(), someBytes(10))
    bucket.bucket.requests.reset()
    assert.equal((await get(location)).status, 307)
    assert.equal(bucket.bucket.requests.get('GetObject'), 1, 'of the record')
    const head = await fetch(location, { method: 'HEAD', headers: TUS })
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('Upload-Offset'), '10')
  })

  test('conditions are answered as ever: 304, 412, 416', async () => {
    const location = await upload(await start(), someBytes(10))
    const direct = await get((await plain(location)).href)
    const etag = direct.headers.get('ETag')!
    await direct.arrayBuffer()
    assert.equal((await get(location, { 'If-None-Match': etag })).status, 304)
    assert.equal((await get(location, { 'If-Match': '"other"' })).status, 412)
    assert.equal((await get(location, { Range: 'bytes=10-' })).status, 416)
  })

  test('an unfinished upload leads nowhere, nor does an empty one', async () => {
    const node = await start()
    const open = (await post(node, { 'Upload-Length': '10' })).headers.get('Location')!
    assert.equal((await get(open)).status, 409)
    const empty = (await post(node, { 'Upload-Length': '0' })).headers.get('Location')!
    await fetch(empty, { method: 'HEAD', headers: TUS })
    assert.equal((await get(empty)).status, 200)
  })

  test('the URL runs out', async () => {
    const node = await start({}, { downloadRedirect: { expiresIn: 1_000 } })
    const url = (await get(await upload(node, someBytes(10)))).headers.get('Location')!
    assert.equal(new URL(url).searchParams.get('X-Amz-Expires'), '1')
    await new Promise((resolve) => setTimeout(resolve, 2_100))
    assert.equal((await fetch(url)).status, 403)
  })

  test('an object that was replaced or removed is not led to', async () => {
    const location = await upload(await start(), someBytes(10))
    const Key = location.slice(location.lastIndexOf('/') + 1)
    await bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'other' }))
    assert.equal((await get(location)).status, 500)
    await bucket.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }))
    assert.equal((await get(location)).status, 500)
  })

  test('while the store cannot be asked, it is 503 and no URL', async () => {
    const location = await upload(await start({ maxAttempts: 1 }), someBytes(10))
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'HeadObject' ? { action: 'status', status: 500, code: 'InternalError' } : undefined
    assert.equal((await get(location)).status, 503)
    bucket.bucket.intercept = undefined
    assert.equal((await get(location)).status, 307)
  })

  test('where objects need the key of a customer, the content is sent: who follows a URL has no key', async () => {
    const node = await start({ encryption: { type: 'customer', key: randomBytes(32) } })
    const bytes = someBytes(100)
    const answer = await get(await upload(node, bytes))
    assert.equal(answer.status, 200)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from(bytes))
  })

  test('a store that has no URLs sends the content', async () => {
    const folder = await temporaryFolder()
    const store = new DiskStore({ directory: folder.path })
    const holdfast = createServer({ store, downloadRedirect: true })
    const handler = fetchHandler(holdfast)
    const headers = { ...TUS, 'Upload-Length': '5', 'Content-Type': 'application/offset+octet-stream' }
    const url = 'http://localhost/files/'
    const created = await handler(new Request(url, { method: 'POST', headers, body: 'hello' }))
    const answer = await handler(new Request(created.headers.get('Location')!))
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), 'hello')
    await holdfast.close()
    await folder.remove()
  })

  for (const expiresIn of [0, 999, 7 * 24 * 3_600_000 + 1, Number.NaN]) {
    test(`${expiresIn} milliseconds are refused`, async () => {
      const folder = await temporaryFolder()
      const store = new DiskStore({ directory: folder.path })
      const make = () => createServer({ store, downloadRedirect: { expiresIn } })
      assert.throws(make, { code: 'ERR_INVALID_OPTIONS', message: /expiresIn/ })
      await folder.remove()
    })
  }
})
