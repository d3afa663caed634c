/** What can go wrong while an upload of another server is taken over. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { UploadError } from '../../../src/errors.js'
import { S3Store } from '../../../src/s3/index.js'
import type { Intercept } from '../../../src/testing/bucket/index.js'
import { bodyOf } from '../../support/body.js'
import { created, idIn, type Peer, send, startTusNode, tell } from '../../support/peers.js'
import {
  BUCKET,
  clientOf,
  head,
  type Node,
  type OpenBucket,
  openBucket,
  patch,
  sha256,
  someBytes,
  startNode,
} from '../../support/stack.js'

const KiB = 1024
const sizes = { part: 192 * KiB, minPart: 160 * KiB }
const limits = { minPartSize: sizes.minPart, preferredPartSize: sizes.part, commitInterval: 1, maxAttempts: 2 }
const REFUSAL = { action: 'status', status: 403, code: 'AccessDenied' } as const

describe('taking over an upload', () => {
  let bucket: OpenBucket
  let peer: Peer
  const nodes: Node[] = []
  before(async () => {
    bucket = await openBucket({ minPartSize: sizes.minPart, maxListSize: 1 })
    peer = await startTusNode(2, bucket, sizes)
  })
  after(async () => {
    for (const node of nodes) await node.close()
    await peer.stop()
    await bucket.close()
  })

  const bytes = someBytes(4 * sizes.part + 77)
  const sent = 2 * sizes.part + 1000

  async function left(): Promise<string> {
    const url = await created(peer, { 'Upload-Length': String(bytes.length) })
    assert.equal(await send(url, 0, bytes.subarray(0, sent)), 204)
    return idIn(url)
  }
  async function node(): Promise<Node> {
    const started = await startNode(bucket, limits)
    nodes.push(started)
    return started
  }
  async function whileIntercepted<T>(intercept: Intercept, work: () => Promise<T>): Promise<T> {
    bucket.bucket.intercept = intercept
    try {
      return await work()
    } finally {
      bucket.bucket.intercept = undefined
    }
  }

  test('all pages of ListParts are read, and one HeadObject; from the first commit on, neither', async () => {
    const url = (await node()).url + (await left())
    bucket.bucket.requests.reset()
    assert.equal(await tell(url), sent)
    assert.deepEqual(Object.fromEntries(bucket.bucket.requests), { GetObject: 1, ListParts: 2, HeadObject: 1 })
    assert.equal((await patch(url, sent, bytes.subarray(sent, sent + 10))).status, 204)
    bucket.bucket.requests.reset()
    assert.equal(await tell(url), sent + 10)
    assert.deepEqual(Object.fromEntries(bucket.bucket.requests), { GetObject: 1 })
  })

  test('a part that was stored and never committed is not taken for one of the other server', async () => {
    const id = await left()
    let stored = false
    const response = await whileIntercepted(
      ({ operation }) => {
        stored ||= operation === 'UploadPart'
        return stored && operation === 'PutObject' ? REFUSAL : undefined
      },
      async () => patch((await node()).url + id, sent, bytes.subarray(sent, 4 * sizes.part)),
    )
    assert.equal(response.status, 503)
    const url = (await node()).url + id
    assert.equal(await tell(url), sent, 'and not the part with the tail in it, and the tail once more')
    assert.equal((await patch(url, sent, bytes.subarray(sent))).status, 204)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('the first commit may lose its answer', async () => {
    const id = await left()
    const url = (await node()).url + id
    const response = await whileIntercepted(
      ({ key, operation, occurrence }) =>
        operation === 'PutObject' && key === `${id}.info` && occurrence === 1 ? { action: 'reset-after' } : undefined,
      () => patch(url, sent, bytes.subarray(sent)),
    )
    assert.equal(response.status, 204)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('of two processes that take it over, one commits', async () => {
    const id = await left()
    const stores = [1, 2].map(() => new S3Store({ bucket: BUCKET, service: clientOf(bucket.bucket), ...limits }))
    const handles = await Promise.all(stores.map((store) => store.open(id)))
    const rest = () => bodyOf([bytes.subarray(sent)], { length: bytes.length - sent, end: 'end' })
    assert.equal(await handles[0]!.append(sent, rest()), bytes.length)
    await assert.rejects(
      handles[1]!.append(sent, rest()),
      (error) => error instanceof UploadError && error.code === 'ERR_CONFLICT',
    )
    for (const store of stores) await store.close()
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('a completion whose answer was lost is known, though its object has no marks', async () => {
    const id = await left()
    // Of the right size, but there before.
    await bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: id, Body: someBytes(bytes.length) }))
    const url = (await node()).url + id
    const response = await whileIntercepted(
      ({ operation }) => (operation === 'CompleteMultipartUpload' ? { action: 'reset-after' } : undefined),
      () => patch(url, sent, bytes.subarray(sent)),
    )
    assert.equal(response.status, 204)
    assert.equal(Number((await head(url)).headers.get('Upload-Offset')), bytes.length)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('an object that was there before is not taken for the completed one', async () => {
    const id = await left()
    await bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: id, Body: someBytes(bytes.length) }))
    const response = await whileIntercepted(
      ({ operation }) => (operation === 'CompleteMultipartUpload' ? REFUSAL : undefined),
      async () => patch((await node()).url + id, sent, bytes.subarray(sent)),
    )
    assert.equal(response.status, 503)
    const { Uploads = [] } = await bucket.client.send(
      new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: id, MaxUploads: 1 }),
    )
    await bucket.client.send(
      new AbortMultipartUploadCommand({ Bucket: BUCKET, Key: id, UploadId: Uploads[0]!.UploadId! }),
    )
    assert.equal((await head((await node()).url + id)).status, 410)
  })

  test('a tail that was replaced by other bytes is found out', async () => {
    const id = await left()
    const url = (await node()).url + id
    assert.equal((await patch(url, sent, bytes.subarray(sent, sent + 10))).status, 204)
    await bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${id}.part`, Body: someBytes(1000) }))
    const other = (await node()).url + id
    assert.equal((await patch(other, sent + 10, bytes.subarray(sent + 10))).status, 500)
    assert.equal(await tell(other), sent + 10)
  })
})
