import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { S3Client } from '@aws-sdk/client-s3'
import type { S3StoreOptions } from '../../src/s3/index.js'
import type { Capabilities } from '../../src/s3/provider/capabilities.js'
import type { Quirks } from '../../src/testing/bucket/index.js'
import {
  head,
  idOf,
  KNOWN,
  type OpenBucket,
  offsetOf,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
  TUS,
} from '../support/stack.js'

const KiB = 1024
const SMALL: Partial<S3StoreOptions> = {
  minPartSize: KiB,
  preferredPartSize: 4 * KiB,
  maxObjectSize: 40 * 1024 * KiB,
  maxAttempts: 3,
}

type StoreOptions = Partial<S3StoreOptions> & { exclusive?: boolean }

interface Stage {
  bucket: OpenBucket
  nodes: Awaited<ReturnType<typeof startNode>>[]
  warnings: string[]
}

async function stage(context: TestContext, quirks: Quirks, store: StoreOptions = {}): Promise<Stage> {
  const bucket = await openBucket({ quirks, minPartSize: KiB, maxListSize: 3 })
  const warnings: string[] = []
  const logger = { warn: (_: unknown, message: string) => void warnings.push(message) }
  const nodes: Stage['nodes'] = []
  // Before the nodes, so that one that does not start leaves nothing open.
  context.after(async () => {
    for (const node of nodes) await node.close()
    await bucket.close()
  })
  nodes.push(await startNode(bucket, { ...SMALL, logger, ...store }))
  nodes.push(await startNode(bucket, { ...SMALL, ...store }))
  return { bucket, nodes, warnings }
}

/** An upload in pieces that leave tails and make parts, each by the other node; finished, read past Holdfast, ended. */
async function uploads({ bucket, nodes }: Stage, pieces = [1_000, 5_000, 1_500, 700, 9_000, 0, 4_096]): Promise<void> {
  const bytes = someBytes(pieces.reduce((sum, size) => sum + size, 0))
  const created = await post(nodes[0]!, { 'Upload-Length': String(bytes.length) })
  assert.equal(created.status, 201, await created.text())
  const id = idOf(created.headers.get('Location')!)
  let offset = 0
  for (const [at, size] of pieces.entries()) {
    const url = nodes[at % 2]!.url + id
    assert.equal(offsetOf(await head(url)), offset)
    const answer = await patch(url, offset, bytes.subarray(offset, offset + size))
    assert.equal(answer.status, 204, await answer.text())
    offset += size
  }
  assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  assert.equal(offsetOf(await head(nodes[0]!.url + id)), bytes.length)
  assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
  assert.equal(await bucket.multiparts(id), 0)
  const ended = await fetch(nodes[1]!.url + id, { method: 'DELETE', headers: TUS })
  assert.equal(ended.status, 204, await ended.text())
  assert.deepEqual(await bucket.keys(id), [])
}

/** As the store chooses. */
const UNSET = { minPartSize: undefined, preferredPartSize: undefined, maxObjectSize: undefined }

/** A locker keeps writers apart. */
const EXCLUSIVE = { exclusive: true }

/** What the bucket does, and what the store was told of it. */
const ROWS: Record<string, [Quirks, Partial<Capabilities>, StoreOptions?]> = {
  'If-Match holds without quotes only': [{ conditions: 'unquoted' }, { conditionalWrites: 'unquoted' }],
  'conditions are silently ignored': [{ conditions: 'ignored' }, { conditionalWrites: 'none' }, EXCLUSIVE],
  'conditions are refused': [{ conditions: 'refused' }, { conditionalWrites: 'none' }, EXCLUSIVE],
  'checksum headers are refused, which was known': [{ checksums: 'refused' }, { checksums: false }],
  'checksum headers are refused, which was not known': [{ checksums: 'refused' }, {}],
  'checksum headers are ignored': [{ checksums: 'ignored' }, {}],
  'DeleteObjects takes Content-MD5 only': [{ deleteObjects: 'md5-only' }, {}],
  'there is no DeleteObjects': [{ deleteObjects: 'absent' }, {}],
  'missing multipart uploads are called NoSuchKey': [{ missingUpload: 'NoSuchKey' }, {}],
  'missing keys are called AccessDenied': [{ missingKey: 'AccessDenied' }, { missingKey: 'denied' }],
  'parts must be equal': [{ uniformParts: true }, {}],
  'all parts must be named, and Complete has no ETag': [{ namesAllParts: true, emptyCompleteEtag: true }, {}],
  'a Complete is known once': [{ completesOnce: true }, {}],
  'ETags are no MD5': [{ opaqueEtags: true }, {}],
  'few parts are allowed': [{ maxParts: 12 }, {}, { maxMultipartParts: 12, maxObjectSize: 48 * KiB }],
}

describe('a provider that differs from S3: every byte arrives, nothing is left', () => {
  for (const [name, [quirks, capabilities, store]] of Object.entries(ROWS)) {
    test(name, async (context) => {
      const capable = { ...KNOWN, ...capabilities }
      await uploads(await stage(context, quirks, { capabilities: capable, ...store }))
    })

    test(`${name}: found out by the store itself`, async (context) => {
      await uploads(await stage(context, quirks, { capabilities: {}, ...store }))
    })
  }

  for (const conditions of ['ignored', 'refused'] as const) {
    test(`conditions are ${conditions} and there is no locker: refused with a sentence, nothing is written`, async (context) => {
      const { bucket, nodes } = await stage(context, { conditions }, { capabilities: {} })
      const refused = await post(nodes[0]!, { 'Upload-Length': '10' })
      assert.equal(refused.status, 500)
      assert.match(await refused.text(), /no conditional writes .* configure one/)
      assert.deepEqual(await bucket.keys(), [])
    })
  }

  test('a bucket that refuses everything: 500, and uploads go on once it is mended', async (context) => {
    const { bucket, nodes, warnings } = await stage(context, {}, { capabilities: {} })
    bucket.bucket.intercept = () => ({ action: 'status', status: 403, code: 'AccessDenied' })
    assert.equal((await post(nodes[0]!, { 'Upload-Length': '10' })).status, 500)
    assert.ok(warnings.length > 0)
    bucket.bucket.intercept = undefined
    assert.equal((await post(nodes[0]!, { 'Upload-Length': '10' })).status, 201)
  })

  test('the parts that a provider allows bound its uploads, without an option', async (context) => {
    const { nodes } = await stage(context, {}, { ...UNSET, provider: 'scaleway' })
    const { headers } = await fetch(nodes[0]!.url, { method: 'OPTIONS', headers: TUS })
    assert.ok(Number(headers.get('Tus-Max-Size')) > 0)
    const tooLarge = await post(nodes[0]!, { 'Upload-Length': String(1_001 * 5 * 1024 ** 3) })
    assert.equal(tooLarge.status, 413)
  })

  test('a smallest part that is told too small: the upload fails with the reason, and no client waits for ever', async (context) => {
    const bucket = await openBucket({ minPartSize: 8 * KiB })
    const node = await startNode(bucket, SMALL)
    context.after(async () => {
      await node.close()
      await bucket.close()
    })
    const created = await post(node, { 'Upload-Length': String(20 * KiB) })
    const url = created.headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(20 * KiB))).status, 500)
    const asked = await fetch(url, { headers: TUS })
    assert.equal(asked.status, 410)
    assert.match(await asked.text(), /minPartSize/)
    assert.deepEqual(await bucket.keys(idOf(url)), [`${idOf(url)}.info`])
  })

  test('one write a second for each key: 429 is waited out', async (context) => {
    // A hundredth of the time that R2 and Google want, so that the test does not wait.
    const capabilities = { ...KNOWN, writeInterval: 100 } as const
    const staged = await stage(context, { writeInterval: 100 }, { capabilities })
    await uploads(staged, [1_000, 5_000, 300])
  })

  for (const least of [2 * KiB, 24 * KiB]) {
    test(`parts of ${least / KiB} KiB at least: smaller pieces are collected until they are a part`, async (context) => {
      const bucket = await openBucket({ minPartSize: least, maxListSize: 3 })
      const sizes = { ...SMALL, minPartSize: least, preferredPartSize: least }
      const nodes = [await startNode(bucket, sizes), await startNode(bucket, sizes)]
      context.after(async () => {
        for (const node of nodes) await node.close()
        await bucket.close()
      })
      // No piece is a part; all of them together are several.
      await uploads({ bucket, nodes, warnings: [] }, [1_000, 700, least - 1, 1_500, least - 1, least - 1, 300])
    })
  }

  test('checksums that are refused are told once', async (context) => {
    const staged = await stage(context, { checksums: 'refused' }, { capabilities: KNOWN })
    await uploads(staged)
    await uploads(staged)
    assert.deepEqual(
      staged.warnings.filter((message) => message.includes('checksum')),
      ['the provider refuses x-amz-checksum-crc32; Content-MD5 guards the bytes'],
    )
  })

  test('an unknown ID is 404 also for those who may not list the bucket', async (context) => {
    const capabilities = { ...KNOWN, missingKey: 'denied' } as const
    const { nodes } = await stage(context, { missingKey: 'AccessDenied' }, { capabilities })
    assert.equal((await head(`${nodes[0]!.url}none`)).status, 404)
  })

  test('revoked keys do not make an upload look as if it were not there', async (context) => {
    const capabilities = { ...KNOWN, missingKey: 'denied' } as const
    const { nodes, bucket } = await stage(context, { missingKey: 'AccessDenied' }, { capabilities })
    const url = (await post(nodes[0]!, { 'Upload-Length': '10' })).headers.get('Location')!
    bucket.bucket.rotate({ accessKeyId: 'other', secretAccessKey: 'secret' })
    assert.equal((await head(url)).status, 503)
  })
})

describe('credentials and clocks', () => {
  const bytes = someBytes(30 * KiB)

  /** A service whose keys come from `source`, as a role's do. */
  const serviceOf = (bucket: OpenBucket, source: () => { accessKeyId: string; secretAccessKey: string }) =>
    new S3Client({
      endpoint: bucket.bucket.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: async () => source(),
      requestChecksumCalculation: 'WHEN_REQUIRED',
    })

  test('keys that are rotated in the middle of an upload are fetched anew', async (context) => {
    const bucket = await openBucket({ minPartSize: KiB })
    let keys = bucket.bucket.credentials
    let asked = 0
    const service = serviceOf(bucket, () => {
      asked++
      return keys
    })
    const capabilities = KNOWN
    const node = await startNode(bucket, { ...SMALL, service, capabilities })
    context.after(async () => {
      await node.close()
      await bucket.close()
    })
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    assert.equal((await patch(url, 0, bytes.subarray(0, 9_000))).status, 204)
    keys = { accessKeyId: 'rotated', secretAccessKey: 'another' }
    bucket.bucket.rotate(keys)
    const answer = await patch(url, 9_000, bytes.subarray(9_000))
    assert.equal(answer.status, 204, await answer.text())
    assert.ok(asked <= 4, `the source was asked ${asked} times`)
    const read = Buffer.from(await (await fetch(url)).arrayBuffer())
    assert.equal(sha256(read), sha256(bytes))
  })

  test('keys that expired and cannot be had anew: 503, and the upload goes on later', async (context) => {
    const bucket = await openBucket({ minPartSize: KiB })
    const good = bucket.bucket.credentials
    const node = await startNode(bucket, { ...SMALL, capabilities: KNOWN })
    context.after(async () => {
      await node.close()
      await bucket.close()
    })
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    assert.equal((await patch(url, 0, bytes.subarray(0, 9_000))).status, 204)
    bucket.bucket.rotate({ accessKeyId: 'rotated', secretAccessKey: 'another' })
    const refused = await patch(url, 9_000, bytes.subarray(9_000))
    assert.equal(refused.status, 503)
    assert.ok(refused.headers.get('Retry-After'))
    bucket.bucket.rotate(good)
    const offset = offsetOf(await head(url))
    assert.equal((await patch(url, offset, bytes.subarray(offset))).status, 204)
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  })

  test("a clock that is off by hours: S3's time is taken", async (context) => {
    let skew = 0
    const bucket = await openBucket({ minPartSize: KiB, now: () => Date.now() + skew })
    const node = await startNode(bucket, { ...SMALL, capabilities: KNOWN })
    context.after(async () => {
      await node.close()
      skew = 0
      await bucket.close()
    })
    skew = 3 * 3_600_000
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    const answer = await patch(url, 0, bytes)
    assert.equal(answer.status, 204, await answer.text())
    skew = 0
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  })
})

describe('what the provider drops', () => {
  for (const missingUpload of [undefined, 'NoSuchKey'] as const) {
    const name = missingUpload ?? 'NoSuchUpload'
    test(`a multipart upload that somebody aborted, called ${name}: 410 with the reason on every node, no object`, async (context) => {
      const { bucket, nodes } = await stage(context, missingUpload ? { missingUpload } : {}, { capabilities: KNOWN })
      const bytes = someBytes(20 * KiB)
      const id = idOf((await post(nodes[0]!, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!)
      assert.equal((await patch(nodes[0]!.url + id, 0, bytes.subarray(0, 9 * KiB))).status, 204)
      await bucket.abortMultiparts(id)
      const answer = await patch(nodes[1]!.url + id, 9 * KiB, bytes.subarray(9 * KiB))
      assert.equal(answer.status, 410)
      assert.match(await answer.text(), /dropped the unfinished upload/)
      for (const { url } of nodes) assert.equal((await head(url + id)).status, 410)
      assert.deepEqual(await bucket.keys(id), [`${id}.info`])
    })

    test(`aborted between the last byte and Complete, called ${name}: HEAD is 410, never the full offset`, async (context) => {
      const { bucket, nodes } = await stage(context, missingUpload ? { missingUpload } : {}, { capabilities: KNOWN })
      const bytes = someBytes(20 * KiB)
      const id = idOf((await post(nodes[0]!, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!)
      bucket.bucket.intercept = ({ operation }) =>
        operation === 'CompleteMultipartUpload' ? { action: 'status', status: 503, code: 'SlowDown' } : undefined
      assert.equal((await patch(nodes[0]!.url + id, 0, bytes)).status, 503)
      bucket.bucket.intercept = undefined
      await bucket.abortMultiparts(id)
      for (const { url } of [nodes[1]!, nodes[0]!]) assert.equal((await head(url + id)).status, 410)
      assert.deepEqual(await bucket.keys(id), [`${id}.info`])
    })
  }

  const HOUR = 3_600_000
  for (const [rule, own] of [
    [HOUR, 24 * HOUR],
    [24 * HOUR, HOUR],
    [HOUR, undefined],
  ] as const) {
    const title = `dropped after ${rule / HOUR} h by a rule of the bucket, and ${own ? `${own / HOUR} h` : 'never'} by the provider`
    test(`${title}: Upload-Expires is the earlier one`, async (context) => {
      const capabilities = { ...KNOWN, multipartExpiry: own }
      const { nodes } = await stage(context, { announcesAbort: rule }, { capabilities })
      const url = (await post(nodes[0]!, { 'Upload-Length': '20000' })).headers.get('Location')!
      const answer = await patch(url, 0, someBytes(9 * KiB))
      const left = Date.parse(answer.headers.get('Upload-Expires') ?? '') - Date.now()
      assert.ok(left <= HOUR && left > HOUR - 60_000, `${left} ms`)
    })
  }

  test('Upload-Expires tells when, and afterwards HEAD is 410 with no completion ever claimed', async (context) => {
    let now = Date.now()
    const bucket = await openBucket({ minPartSize: KiB })
    const capabilities = { ...KNOWN, multipartExpiry: 3_600_000 } as const
    const node = await startNode(bucket, { ...SMALL, capabilities, now: () => now })
    context.after(async () => {
      await node.close()
      await bucket.close()
    })
    const bytes = someBytes(20 * KiB)
    const url = (await post(node, { 'Upload-Length': String(bytes.length) })).headers.get('Location')!
    const answer = await patch(url, 0, bytes.subarray(0, 9 * KiB))
    const expires = Date.parse(answer.headers.get('Upload-Expires') ?? '')
    assert.ok(Math.abs(expires - now - 3_600_000) < 60_000, 'no later than the provider drops it')
    assert.equal(Date.parse((await head(url)).headers.get('Upload-Expires') ?? ''), expires)

    now += 3_700_000
    assert.equal((await head(url)).status, 200, 'as long as it is there it can be resumed')
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'ListParts' ? { action: 'status', status: 404, code: 'NoSuchUpload' } : undefined
    assert.equal((await head(url)).status, 410)
    bucket.bucket.intercept = undefined
    const late = await patch(url, 9 * KiB, bytes.subarray(9 * KiB))
    assert.equal(late.status, 410)
    assert.match(await late.text(), /dropped the unfinished upload/)
    assert.deepEqual(await bucket.keys(idOf(url)), [`${idOf(url)}.info`])
  })
})
