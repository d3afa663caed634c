import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
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

const MiB = 1024 * 1024
const SIZE = 32 * MiB

/** What happens to the second part's every try while the first request lasts; the parts around it succeed. */
const FAULTS = {
  'refused (403)': { action: 'status', status: 403, code: 'AccessDenied' },
  'answered 500': { action: 'status', status: 500, code: 'InternalError' },
  'answered 503 SlowDown': { action: 'status', status: 503, code: 'SlowDown' },
  'reset before S3 did it': { action: 'reset-before' },
  'reset after S3 did it': { action: 'reset-after' },
  'never answered': { action: 'hang' },
} as const

describe('a failed part in the middle of an upload with others in flight', () => {
  let bucket: OpenBucket
  let node: Node
  /** For requests that are never answered; the others must not fail because a machine is slow. */
  let impatient: Node
  before(async () => {
    bucket = await openBucket()
    const store = { preferredPartSize: 5 * MiB, maxAttempts: 2 }
    node = await startNode(bucket, store)
    impatient = await startNode(bucket, { ...store, requestTimeout: 1_500 })
  })
  const closing: Node[] = []
  after(async () => {
    bucket.bucket.intercept = undefined
    for (const open of [node, impatient, ...closing]) await open.close()
    await bucket.close()
  })

  for (const [name, fault] of Object.entries(FAULTS)) {
    for (const part of [1, 2, 4]) {
      test(`part ${part} ${name}: the client resumes and the object is identical`, async () => {
        const bytes = someBytes(SIZE)
        const entry = fault.action === 'hang' ? impatient : node
        const url = (await post(entry, { 'Upload-Length': String(SIZE) })).headers.get('Location')!
        let struck = 0
        bucket.bucket.intercept = ({ operation, partNumber }) => {
          if (operation !== 'UploadPart' || partNumber !== part) return undefined
          struck++
          return fault
        }
        const failed = await patch(url, 0, bytes).catch(() => undefined)
        assert.ok(failed === undefined || failed.status >= 500, 'a lost part is no success')
        assert.equal(struck, fault.action === 'status' && fault.status === 403 ? 1 : 2, 'the fault struck')
        bucket.bucket.intercept = undefined

        let offset = offsetOf(await head(`${node.url}${idOf(url)}`))
        assert.equal(offset, (part - 1) * 5 * MiB, 'exactly the parts before the hole count')
        const resumed = await patch(`${node.url}${idOf(url)}`, offset, bytes.subarray(offset))
        assert.equal(resumed.status, 204)
        offset = offsetOf(resumed)
        assert.equal(offset, SIZE)
        assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
        assert.deepEqual(await bucket.keys(idOf(url)), [idOf(url), `${idOf(url)}.info`])
        assert.equal(await bucket.multiparts(idOf(url)), 0)
      })
    }
  }

  for (const [name, fault] of Object.entries(FAULTS)) {
    test(`CompleteMultipartUpload ${name}: HEAD never says done without an object`, async () => {
      const bytes = someBytes(11 * MiB)
      const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
      bucket.bucket.intercept = ({ operation, occurrence }) =>
        operation === 'CompleteMultipartUpload' && occurrence <= 4 ? fault : undefined
      if (fault.action !== 'hang') {
        const answer = await patch(url, 0, bytes)
        if (answer.status === 204) await bucket.object(idOf(url))
        const asked = await head(url)
        if (asked.status === 200) assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
        else assert.ok([503, 423].includes(asked.status), `${asked.status}`)
      }
      bucket.bucket.intercept = undefined
      if (fault.action === 'hang') assert.equal((await patch(url, 0, bytes)).status, 204)
      const settled = await head(url)
      assert.equal(settled.status, 200)
      assert.equal(offsetOf(settled), bytes.length)
      assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
      assert.equal(await bucket.multiparts(idOf(url)), 0)
    })
  }

  test('a part that S3 never takes holds up nobody who asks for the offset', async () => {
    const patient = await startNode(bucket, { preferredPartSize: 5 * MiB, requestTimeout: 60_000 })
    closing.push(patient)
    const bytes = someBytes(SIZE)
    const url = (await post(patient, { 'Upload-Length': String(SIZE) })).headers.get('Location')!
    let isStuck = false
    bucket.bucket.intercept = ({ operation, partNumber }) => {
      if (operation !== 'UploadPart' || partNumber !== 3) return undefined
      isStuck = true
      return { action: 'hang' }
    }
    const stuck = patch(url, 0, bytes)
    while (!isStuck) await new Promise((resolve) => setTimeout(resolve, 20))
    const started = performance.now()
    const told = await head(url)
    assert.ok(performance.now() - started < 4_000, 'the part has 1.5 s, not a minute')
    assert.equal(offsetOf(told), 10 * MiB)
    assert.ok((await stuck).status >= 400)
    bucket.bucket.intercept = undefined
    assert.equal((await patch(url, 10 * MiB, bytes.subarray(10 * MiB))).status, 204)
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  })

  test('a multipart upload that S3 dropped is 410 with the reason, never "complete"', async () => {
    const bytes = someBytes(12 * MiB)
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    assert.equal((await patch(url, 0, bytes.subarray(0, 6 * MiB))).status, 204)
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'UploadPart' ? { action: 'status', status: 404, code: 'NoSuchUpload' } : undefined
    const gone = await patch(url, 6 * MiB, bytes.subarray(6 * MiB))
    bucket.bucket.intercept = undefined
    assert.equal(gone.status, 410)
    assert.match(await gone.text(), /dropped/)
    assert.equal((await head(url)).status, 410)
  })

  // As moto answers, and some builds of Ceph.
  const DROPPED_500 = { action: 'status', status: 500, code: 'InternalError' } as const

  test('a multipart upload that S3 dropped is 410 also where its parts are answered 500 from then on', async () => {
    const bytes = someBytes(12 * MiB)
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    assert.equal((await patch(url, 0, bytes.subarray(0, 6 * MiB))).status, 204)
    await bucket.abortMultiparts(idOf(url))
    bucket.bucket.intercept = ({ operation }) => (operation === 'UploadPart' ? DROPPED_500 : undefined)
    const gone = await patch(url, 6 * MiB, bytes.subarray(6 * MiB))
    bucket.bucket.intercept = undefined
    assert.equal(gone.status, 410)
    assert.equal((await head(url)).status, 410)
  })

  test('a multipart upload that S3 dropped before its completion is 410 also where that is answered 500', async () => {
    const bytes = someBytes(12 * MiB)
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    bucket.bucket.intercept = ({ operation }) => (operation === 'CompleteMultipartUpload' ? DROPPED_500 : undefined)
    assert.equal((await patch(url, 0, bytes)).status, 503)
    await bucket.abortMultiparts(idOf(url))
    const asked = await head(url)
    bucket.bucket.intercept = undefined
    assert.equal(asked.status, 410)
    assert.deepEqual(await bucket.keys(idOf(url)), [`${idOf(url)}.info`])
  })
})
