import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Call, Operations } from '../../../src/s3/call/call.js'
import { directPlane } from '../../../src/s3/call/direct.js'
import { S3Fault } from '../../../src/s3/call/faults.js'
import { sdkCall } from '../../../src/s3/call/sdk.js'
import type { Capabilities } from '../../../src/s3/provider/capabilities.js'
import { type ProbeOptions, type ProbeResult, probeProvider } from '../../../src/s3/provider/probe.js'
import type { Intercept, Quirks } from '../../../src/testing/bucket/index.js'
import { BUCKET, type OpenBucket, openBucket } from '../../support/bucket.js'

interface Probed extends ProbeResult {
  /** Requests that the bucket got. */
  requests: number
  /** Keys that stayed. */
  left: string[]
}

async function open(context: TestContext, quirks: Quirks = {}): Promise<OpenBucket> {
  const bucket = await openBucket({ quirks })
  context.after(() => bucket.close())
  return bucket
}

/** The planes as they are, without retries. */
function callOf(context: TestContext, bucket: OpenBucket): Call {
  const plane = directPlane(bucket.client, { bucket: BUCKET, idleTimeout: 5_000, disableContentHashes: false })
  context.after(() => plane.close())
  const control = sdkCall(bucket.client, BUCKET, { requestTimeout: 5_000, completeTimeout: 5_000 })
  return (name, input, signal) =>
    name === 'putObject' || name === 'uploadPart'
      ? (plane.send(name, input as Operations['putObject' | 'uploadPart'][0], signal) as never)
      : control(name, input, signal)
}

async function probe(context: TestContext, bucket: OpenBucket, options: Partial<ProbeOptions> = {}): Promise<Probed> {
  bucket.bucket.requests.reset()
  const result = await probeProvider(callOf(context, bucket), { prefix: 'meta/', throttleDelay: 160, ...options })
  const requests = [...bucket.bucket.requests.values()].reduce((sum, count) => sum + count, 0)
  bucket.bucket.intercept = undefined
  return { ...result, requests, left: await bucket.keys() }
}

const AS_ON_AWS = {
  conditionalWrites: 'quoted',
  checksums: true,
  missingKey: 'absent',
  fullObjectChecksums: 'all',
} as const

/** Of which half are two multipart uploads. */
const FOURTEEN = 14

test('a bucket that does as AWS does: fourteen requests, and nothing stays', async (context) => {
  const { found, notes, complete, requests, left } = await probe(context, await open(context))
  assert.deepEqual({ found, notes, complete, left }, { found: AS_ON_AWS, notes: [], complete: true, left: [] })
  assert.equal(requests, FOURTEEN)
})

const ROWS: readonly [
  quirks: Quirks,
  found: { [Name in keyof Capabilities]?: Capabilities[Name] | undefined },
  note: RegExp,
][] = [
  [{ conditions: 'ignored' }, { conditionalWrites: 'none' }, /^If-None-Match is ignored$/],
  [{ conditions: 'refused' }, { conditionalWrites: 'none' }, /^If-None-Match is refused \(501 NotImplemented\)$/],
  [{ conditions: 'unquoted' }, { conditionalWrites: 'unquoted' }, /without quotes/],
  [
    { checksums: 'refused' },
    { checksums: false, fullObjectChecksums: undefined },
    /^x-amz-checksum-crc32 is refused \(501 NotImplemented\)$/,
  ],
  [{ checksums: 'ignored' }, { checksums: true }, /taken, but not verified/],
  [{ missingKey: 'AccessDenied' }, { missingKey: 'denied' }, /^$/],
  [{ objectChecksums: 'sent' }, { fullObjectChecksums: 'sent' }, /^$/],
  [{ objectChecksums: 'whole' }, { fullObjectChecksums: 'sent' }, /^$/],
  [{ partCopies: 'refused' }, { fullObjectChecksums: 'sent' }, /^$/],
  [{ objectChecksums: 'refused' }, { fullObjectChecksums: 'none' }, /FULL_OBJECT is refused \(501 NotImplemented\)$/],
  [{ objectChecksums: 'ignored' }, { fullObjectChecksums: 'none' }, /FULL_OBJECT is ignored$/],
  [{ objectChecksums: 'unverified' }, { fullObjectChecksums: 'none' }, /FULL_OBJECT is taken, but not verified$/],
]

for (const [quirks, differs, note] of ROWS) {
  test(`${JSON.stringify(quirks)}: found, and nothing stays`, async (context) => {
    const { found, notes, complete, requests, left } = await probe(context, await open(context, quirks))
    assert.deepEqual({ fullObjectChecksums: undefined, ...found }, { ...AS_ON_AWS, ...differs })
    assert.match(notes.join('; '), note)
    assert.deepEqual(left, [])
    assert.ok(complete)
    assert.ok(requests <= FOURTEEN + 2, `${requests} requests`)
  })
}

test('refused conditions and refused checksums are told apart', async (context) => {
  const { found, notes } = await probe(context, await open(context, { conditions: 'refused', checksums: 'refused' }))
  assert.deepEqual(found, { conditionalWrites: 'none', checksums: false, missingKey: 'absent' })
  assert.equal(notes.length, 2)
})

test('If-None-Match that holds does not vouch for If-Match', async (context) => {
  const bucket = await open(context)
  const call = callOf(context, bucket)
  const deaf: Call = (name, input, signal) => call(name, { ...input, ifMatch: undefined }, signal)
  const result = await probeProvider(deaf, { prefix: '' })
  assert.equal(result.found.conditionalWrites, 'none')
  assert.deepEqual(result.notes, ['If-Match is ignored'])
  const never: Call = async (name, input, signal) => {
    if ((input as { ifMatch?: string }).ifMatch) throw new S3Fault(name, 412, 'PreconditionFailed', '')
    return call(name, input, signal)
  }
  assert.equal((await probeProvider(never, { prefix: '' })).found.conditionalWrites, 'none')
  assert.deepEqual(await bucket.keys(), [])
})

test('a right that is missing for a moment is not taken for missing conditions', async (context) => {
  for (const at of [2, 3, 4]) {
    const bucket = await open(context)
    const call = callOf(context, bucket)
    let writes = 0
    const hiccup: Call = (name, input, signal) => {
      if (name === 'putObject' && ++writes === at) throw new S3Fault(name, 403, 'AccessDenied', '')
      return call(name, input, signal)
    }
    const { found, complete } = await probeProvider(hiccup, { prefix: '' })
    assert.equal(found.conditionalWrites, undefined, `write ${at}`)
    assert.equal(complete, false, 'it is asked again')
    assert.deepEqual(await bucket.keys(), [])
  }
})

test('what is known is not asked', async (context) => {
  const bucket = await open(context)
  const known = { ...AS_ON_AWS }
  assert.equal((await probe(context, bucket, { known })).requests, 0)
  const one = await probe(context, bucket, {
    known: { conditionalWrites: 'none', missingKey: 'absent', fullObjectChecksums: 'all' },
  })
  assert.deepEqual(one.found, { checksums: true })
  assert.equal(one.requests, 3)
})

test('one write a second for each key: waited for, and not taken for a refusal', async (context) => {
  const known = await probe(context, await open(context, { writeInterval: 150 }), { known: { writeInterval: 160 } })
  assert.deepEqual(known.found, AS_ON_AWS)
  assert.equal(known.requests, FOURTEEN)
  const unknown = await probe(context, await open(context, { writeInterval: 150 }))
  assert.deepEqual(unknown.found, AS_ON_AWS)
})

const DENIALS: readonly [operation: string, found: Partial<Capabilities>, note: RegExp, stays: number][] = [
  ['PutObject', { missingKey: 'absent' }, /^PutObject is refused \(403 AccessDenied\)$/, 0],
  ['DeleteObjects', AS_ON_AWS, /^meta\/\.holdfast-probe-\w+ could not be removed \(403 AccessDenied\)$/, 1],
  [
    'GetObject',
    { conditionalWrites: 'quoted', checksums: true, fullObjectChecksums: 'all' },
    /^GetObject is refused \(403 AccessDenied\)$/,
    0,
  ],
  [
    'CreateMultipartUpload',
    { ...AS_ON_AWS, fullObjectChecksums: 'none' },
    /FULL_OBJECT is refused \(403 AccessDenied\)$/,
    0,
  ],
]

for (const [denied, expected, note, stays] of DENIALS) {
  test(`without ${denied}: it says what it learnt`, async (context) => {
    const bucket = await open(context)
    bucket.bucket.intercept = ({ operation }) =>
      operation === denied ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined
    const { found, notes, complete, left } = await probe(context, bucket)
    assert.deepEqual(found, expected)
    assert.match(notes.join('; '), note)
    assert.equal(left.length, stays)
    assert.equal(complete, denied === 'DeleteObjects' || denied === 'CreateMultipartUpload')
  })
}

/** Each write in turn meets the fault once. */
const faulted = (at: number, fault: ReturnType<Intercept>): Intercept => {
  let writes = 0
  return ({ operation }) => (operation === 'PutObject' && ++writes === at ? fault : undefined)
}

for (const at of [1, 2, 3, 4, 5]) {
  test(`write ${at} meets a lost answer, a lost request or a 503: the result is the same`, async (context) => {
    const bucket = await open(context)
    for (const fault of [
      { action: 'reset-after' },
      { action: 'reset-before' },
      { action: 'status', status: 503, code: 'SlowDown' },
    ] as const) {
      bucket.bucket.intercept = faulted(at, fault)
      const { found, left } = await probe(context, bucket)
      assert.deepEqual(found, AS_ON_AWS, JSON.stringify(fault))
      assert.deepEqual(left, [])
    }
  })
}

test('without an answer it fails, to be repeated', async (context) => {
  const bucket = await open(context)
  bucket.bucket.intercept = () => ({ action: 'reset-before' })
  await assert.rejects(probe(context, bucket), (error) => error instanceof S3Fault && error.meaning === 'unknown')
})
