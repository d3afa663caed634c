import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkRead, checkWrite, parseCopyRange, parseRange } from '../../../src/testing/bucket/conditions.js'
import { parseCopySource, parseRoute, parseTarget } from '../../../src/testing/bucket/route.js'

const CURRENT = { etag: 'abc', modified: Date.UTC(2026, 0, 1, 0, 0, 0, 500) }
const headers = (fields: Record<string, string>) => new Map(Object.entries(fields))
const SAME = 'Thu, 01 Jan 2026 00:00:00 GMT'
const EARLIER = 'Wed, 31 Dec 2025 23:59:59 GMT'

describe('conditions of reads', () => {
  for (const [fields, outcome] of [
    [{}, 200],
    [{ 'if-match': '"abc"' }, 200],
    [{ 'if-match': 'abc' }, 200],
    [{ 'if-match': '"x", "abc"' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-none-match': '"abc"' }, 304],
    [{ 'if-none-match': 'W/"abc"' }, 304],
    [{ 'if-none-match': '"x"' }, 200],
    [{ 'if-modified-since': SAME }, 304],
    [{ 'if-modified-since': EARLIER }, 200],
    [{ 'if-unmodified-since': SAME }, 200],
    [{ 'if-unmodified-since': EARLIER }, 412],
    [{ 'if-unmodified-since': EARLIER, 'if-match': '"abc"' }, 200],
    [{ 'if-modified-since': SAME, 'if-none-match': '"x"' }, 200],
    [{ 'if-modified-since': 'no date' }, 200],
  ] as const) {
    it(`${JSON.stringify(fields)} gives ${outcome}`, () => {
      const check = () => checkRead(headers(fields), CURRENT)
      if (outcome === 412) assert.throws(check, { code: 'PreconditionFailed' })
      else assert.equal(check(), outcome === 304)
    })
  }
})

describe('conditions of writes', () => {
  for (const [fields, exists, code] of [
    [{}, true, undefined],
    [{ 'if-none-match': '*' }, false, undefined],
    [{ 'if-none-match': '*' }, true, 'PreconditionFailed'],
    [{ 'if-none-match': '"abc"' }, false, 'NotImplemented'],
    [{ 'if-none-match': '*', 'if-match': '"abc"' }, true, 'NotImplemented'],
    [{ 'if-match': '"abc"' }, true, undefined],
    [{ 'if-match': 'abc' }, true, undefined],
    [{ 'if-match': '"x"' }, true, 'PreconditionFailed'],
    [{ 'if-match': '"abc"' }, false, 'NoSuchKey'],
  ] as const) {
    it(`${JSON.stringify(fields)} on ${exists ? 'an object' : 'nothing'} gives ${code ?? 'leave'}`, () => {
      const check = () => checkWrite(headers(fields), exists ? CURRENT : undefined)
      if (code === undefined) check()
      else assert.throws(check, { code })
    })
  }
})

describe('ranges', () => {
  for (const [value, size, span] of [
    [undefined, 10, undefined],
    ['bytes=0-0', 10, [0, 1]],
    ['bytes=3-', 10, [3, 10]],
    ['bytes=-3', 10, [7, 10]],
    ['bytes=-30', 10, [0, 10]],
    ['bytes=3-100', 10, [3, 10]],
    ['bytes=0-1,3-4', 10, undefined],
    ['bytes=5-3', 10, undefined],
    ['bytes=-', 10, undefined],
    ['lines=1-2', 10, undefined],
    ['bytes=10-', 10, 'InvalidRange'],
    ['bytes=-0', 10, 'InvalidRange'],
    ['bytes=0-', 0, 'InvalidRange'],
    ['bytes=-5', 0, 'InvalidRange'],
  ] as const) {
    it(`${value} of ${size} bytes`, () => {
      if (typeof span === 'string') return assert.throws(() => parseRange(value, size), { code: span })
      assert.deepEqual(parseRange(value, size), span && { start: span[0], end: span[1] })
    })
  }

  it('of copies must lie inside', () => {
    assert.deepEqual(parseCopyRange('bytes=2-9', 10), { start: 2, end: 10 })
    for (const value of ['bytes=2-10', 'bytes=2-', 'bytes=-2', 'bytes=3-2']) {
      assert.throws(() => parseCopyRange(value, 10), { code: 'InvalidArgument' })
    }
  })
})

describe('routes', () => {
  const route = (method: string, url: string, fields: Record<string, string> = { host: '127.0.0.1:9000' }) => {
    const { operation, bucket, key } = parseRoute(method, parseTarget(url), headers(fields))
    return [operation, bucket, key].join(' ')
  }

  for (const [method, url, expected] of [
    ['GET', '/', 'ListBuckets  '],
    ['GET', '/b', 'ListObjects b '],
    ['GET', '/b/?list-type=2', 'ListObjectsV2 b '],
    ['GET', '/b?uploads', 'ListMultipartUploads b '],
    ['POST', '/b?delete=', 'DeleteObjects b '],
    ['PUT', '/b/k%20%2B+/%C3%A9', 'PutObject b k ++/é'],
    ['PUT', '/b//k', 'PutObject b /k'],
    ['PUT', '/b/a/../k', 'PutObject b a/../k'],
    ['GET', '/b/k?x-id=GetObject', 'GetObject b k'],
    ['GET', '/b/k?uploadId=u', 'ListParts b k'],
    ['PUT', '/b/k?partNumber=1&uploadId=u', 'UploadPart b k'],
    ['POST', '/b/k?uploads', 'CreateMultipartUpload b k'],
    ['POST', '/b/k?uploadId=u', 'CompleteMultipartUpload b k'],
    ['DELETE', '/b/k?uploadId=u', 'AbortMultipartUpload b k'],
    ['DELETE', '/b/k', 'DeleteObject b k'],
  ] as const) {
    it(`${method} ${url}`, () => assert.equal(route(method, url), expected))
  }

  it('name the bucket in the host, or the copy in a header', () => {
    assert.equal(route('GET', '/k/l', { host: 'my.bucket.localhost:9000' }), 'GetObject my.bucket k/l')
    assert.equal(route('GET', '/', { host: 'b.127.0.0.1:9000' }), 'ListObjects b ')
    assert.equal(route('PUT', '/b/k', { host: 'localhost', 'x-amz-copy-source': 'b/s' }), 'CopyObject b k')
  })

  it('refuse what is not there', () => {
    assert.throws(() => route('GET', '/b?acl'), { code: 'NotImplemented' })
    assert.throws(() => route('PATCH', '/b/k'), { code: 'MethodNotAllowed' })
    assert.throws(() => route('GET', '/b/%ff'), { code: 'InvalidURI' })
    assert.throws(() => route('GET', 'http://elsewhere/'), { code: 'InvalidURI' })
    assert.throws(() => route('PUT', `/b/${'k'.repeat(1025)}`), { code: 'KeyTooLongError' })
  })

  it('find the source of a copy', () => {
    assert.deepEqual(parseCopySource('/b/a%20%C3%A9/%2Bc'), { bucket: 'b', key: 'a é/+c' })
    assert.throws(() => parseCopySource('b'), { code: 'InvalidArgument' })
    assert.throws(() => parseCopySource('b/k?versionId=1'), { code: 'NotImplemented' })
  })
})
