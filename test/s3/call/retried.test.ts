import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../../src/s3/call/call.js'
import { S3Fault } from '../../../src/s3/call/faults.js'
import { retried } from '../../../src/s3/call/retried.js'

const FAST = { attempts: 4, baseDelay: 1, maxDelay: 8, random: () => 0 }

/** A Call that fails as `faults` say, in turn, and then succeeds. */
function failing(...faults: S3Fault[]): { call: Call; tries: () => number } {
  let tries = 0
  const call = (async () => {
    const fault = faults[tries++]
    if (fault) throw fault
    return { etag: 'etag' }
  }) as unknown as Call
  return { call, tries: () => tries }
}

const fault = (status: number, code = ''): S3Fault => new S3Fault('headObject', status, code, '')

for (const [status, code] of [
  [500, 'InternalError'],
  [503, 'SlowDown'],
  [429, 'TooManyRequests'],
  [0, 'ECONNRESET'],
  [400, 'RequestTimeout'],
  [400, 'BadDigest'],
  [403, 'RequestTimeTooSkewed'],
] as const) {
  test(`${status} ${code} is tried again`, async () => {
    const { call, tries } = failing(fault(status, code), fault(status, code))
    await retried(call, FAST)('headObject', { key: 'k' })
    assert.equal(tries(), 3)
  })
}

for (const [status, code] of [
  [403, 'AccessDenied'],
  [404, 'NoSuchKey'],
  [412, 'PreconditionFailed'],
  [409, 'ConditionalRequestConflict'],
  [501, 'NotImplemented'],
  [400, 'InvalidArgument'],
] as const) {
  test(`${status} ${code} is final`, async () => {
    const { call, tries } = failing(fault(status, code))
    await assert.rejects(retried(call, FAST)('headObject', { key: 'k' }), { code })
    assert.equal(tries(), 1)
  })
}

test('tries are bounded, and a Complete has fewer of them', async () => {
  const always = Array.from({ length: 9 }, () => fault(500))
  const one = failing(...always)
  await assert.rejects(retried(one.call, FAST)('headObject', { key: 'k' }))
  assert.equal(one.tries(), 4)
  const other = failing(...always)
  await assert.rejects(retried(other.call, FAST)('completeMultipartUpload', { key: 'k', uploadId: 'u', parts: [] }))
  assert.equal(other.tries(), 2)
})

test('Retry-After is waited for, up to a bound', async () => {
  const slow = fault(503, 'SlowDown')
  slow.retryAfter = 60
  const started = performance.now()
  await retried(failing(slow).call, FAST)('headObject', { key: 'k' })
  assert.ok(performance.now() - started >= 59)
})

test('a 429 waits out the interval between two writes of a key', async () => {
  const started = performance.now()
  await retried(failing(fault(429)).call, FAST, { writeInterval: 50 })('headObject', { key: 'k' })
  assert.ok(performance.now() - started >= 49)
})

test('an aborted request is not tried again, and a wait ends with it', async () => {
  const abort = new AbortController()
  const { call, tries } = failing(fault(500), fault(500))
  const sent = retried(call, { ...FAST, baseDelay: 60_000, maxDelay: 60_000 })('headObject', { key: 'k' }, abort.signal)
  abort.abort()
  await assert.rejects(sent, S3Fault)
  assert.equal(tries(), 1)
})
