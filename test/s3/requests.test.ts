import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fetchHandler } from '../../src/http/fetch.js'
import {
  head,
  idOf,
  type Node,
  type OpenBucket,
  offsetOf,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
} from '../support/stack.js'

const KiB = 1024
const MiB = 1024 * KiB

describe('requests to S3, counted at S3', () => {
  let bucket: OpenBucket
  let node: Node
  let other: Node
  before(async () => {
    bucket = await openBucket()
    node = await startNode(bucket)
    other = await startNode(bucket)
  })
  after(async () => {
    await node.close()
    await other.close()
    await bucket.close()
  })

  const counted = async (work: () => Promise<void>): Promise<Record<string, number>> => {
    bucket.bucket.requests.reset()
    await work()
    return Object.fromEntries(bucket.bucket.requests)
  }
  const small = someBytes(64 * KiB)

  test('a small upload by POST and PATCH takes 3', async () => {
    let url = ''
    const requests = await counted(async () => {
      const created = await post(node, { 'Upload-Length': String(small.length) })
      assert.equal(created.status, 201)
      url = created.headers.get('Location')!
      const appended = await patch(url, 0, small)
      assert.equal(appended.status, 204)
      assert.equal(offsetOf(appended), small.length)
    })
    assert.deepEqual(requests, { PutObject: 3 })
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(small))
    assert.deepEqual(await bucket.keys(idOf(url)), [idOf(url), `${idOf(url)}.info`])
  })

  test('a small upload of the IETF draft takes 3 where 104 tells its place before the body, and 2 where it cannot', async () => {
    const fields = { 'Upload-Draft-Interop-Version': '6', 'Upload-Complete': '?1' }
    const init = { method: 'POST', headers: { ...fields, 'Content-Length': String(small.length) }, body: small }
    const overHttp = await counted(async () => assert.equal((await fetch(node.url, init)).status, 201))
    assert.deepEqual(overHttp, { PutObject: 3 })
    const handle = fetchHandler(node.holdfast)
    const request = new Request(node.url, init)
    const inProcess = await counted(async () => assert.equal((await handle(request)).status, 201))
    assert.deepEqual(inProcess, { PutObject: 2 })
  })

  test('a small upload by creation-with-upload takes 2', async () => {
    let url = ''
    const requests = await counted(async () => {
      const type = { 'Content-Type': 'application/offset+octet-stream' }
      const created = await post(node, { 'Upload-Length': String(small.length), ...type }, small)
      assert.equal(created.status, 201)
      assert.equal(offsetOf(created), small.length)
      url = created.headers.get('Location')!
    })
    assert.deepEqual(requests, { PutObject: 2 })
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(small))
  })

  test('a digest of the whole costs a small upload one record more, and an upload of parts nothing', async () => {
    for (const [size, puts] of [
      [small.length, 4],
      [15 * MiB, 3],
    ] as const) {
      const bytes = someBytes(size)
      const digest = `sha-256=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`
      const requests = await counted(async () => {
        const created = await post(node, { 'Upload-Length': String(size), 'Repr-Digest': digest })
        assert.equal((await patch(created.headers.get('Location')!, 0, bytes)).status, 204)
      })
      const { PutObject, ...rest } = requests
      const parts = { CreateMultipartUpload: 1, UploadPart: 2, CompleteMultipartUpload: 1 }
      assert.deepEqual(rest, size > MiB ? parts : {}, 'the content is not read back')
      assert.ok(PutObject! >= puts && PutObject! <= puts + 2, `${PutObject} writes`)
    }
  })

  test('an empty upload takes 2', async () => {
    let url = ''
    const requests = await counted(async () => {
      url = (await post(node, { 'Upload-Length': '0' })).headers.get('Location')!
    })
    assert.deepEqual(requests, { PutObject: 2 })
    assert.equal((await bucket.object(idOf(url))).bytes.length, 0)
  })

  test('HEAD on another node takes 1, of an open upload and of a finished one', async () => {
    const open = (await post(node, { 'Upload-Length': '10' })).headers.get('Location')!
    const done = (await post(node, { 'Upload-Length': '0' })).headers.get('Location')!
    for (const url of [open, done]) {
      const requests = await counted(async () => {
        assert.equal((await head(`${other.url}${idOf(url)}`)).status, 200)
      })
      assert.deepEqual(requests, { GetObject: 1 })
    }
  })

  test('an upload of three parts takes one request a part and five more', async () => {
    const large = someBytes(20 * MiB)
    let url = ''
    const requests = await counted(async () => {
      url = (await post(node, { 'Upload-Length': String(large.length) })).headers.get('Location')!
      assert.equal((await patch(url, 0, large)).status, 204)
    })
    const { PutObject, ...rest } = requests
    assert.deepEqual(rest, { CreateMultipartUpload: 1, UploadPart: 3, CompleteMultipartUpload: 1 })
    assert.ok(
      PutObject! >= 3 && PutObject! <= 5,
      `${PutObject} records: created, (once a second,) completing, complete`,
    )
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(large))
  })

  test('chunks of 5 MiB are parts: no tail is written, and one record for each', async () => {
    const large = someBytes(15 * MiB)
    const url = (await post(node, { 'Upload-Length': String(large.length) })).headers.get('Location')!
    for (let offset = 0; offset < large.length; offset += 5 * MiB) {
      const requests = await counted(async () => {
        assert.equal((await patch(url, offset, large.subarray(offset, offset + 5 * MiB))).status, 204)
      })
      assert.equal(requests.UploadPart, 1)
      assert.equal(requests.PutObject, offset === 10 * MiB ? 2 : 1)
    }
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(large))
  })

  test('a tail that this node wrote is not read back', async () => {
    const url = (await post(node, { 'Upload-Length': String(small.length) })).headers.get('Location')!
    await patch(url, 0, small.subarray(0, 1000))
    const requests = await counted(async () => {
      assert.equal((await patch(url, 1000, small.subarray(1000))).status, 204)
    })
    assert.equal(requests.GetObject, undefined)
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(small))
    assert.deepEqual(await bucket.keys(idOf(url)), [idOf(url), `${idOf(url)}.info`], 'and its slot is gone')
  })
})
