import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UploadError } from '../../../src/errors.js'
import type { Reader } from '../../../src/s3/foreign/adopt.js'
import { keysOf, prefixes } from '../../../src/s3/keys.js'
import { encodeRecord } from '../../../src/s3/record/codec.js'
import { readRecord } from '../../../src/s3/record/commit.js'
import type { UploadRecord } from '../../../src/s3/record/record.js'

const record: UploadRecord = {
  id: 'a',
  length: 100,
  metadata: {},
  metadataField: undefined,
  commit: 'c1',
  state: 'open',
  failure: undefined,
  offset: 0,
  uploadId: undefined,
  token: undefined,
  base: undefined,
  partSize: 0,
  parts: 0,
  partBytes: 0,
  partsDigest: '',
  tail: [],
  slots: [],
  crc32: 0,
  etag: undefined,
  replaces: undefined,
  joined: undefined,
  createdAt: 1,
  expiresAt: undefined,
  completedAt: undefined,
  leftovers: undefined,
}
const keys = keysOf(prefixes(), 'a')
const text = Buffer.from(encodeRecord(record, {}))

/** Answers GetObject, but the first bodies break off in the middle. */
function breaking(times: number): { reader: Reader; asked: () => number } {
  let asked = 0
  const call = async () => {
    const breaks = asked++ < times
    async function* body() {
      yield text.subarray(0, 20)
      if (breaks) throw new Error('aborted')
      yield text.subarray(20)
    }
    return { etag: '"e"', length: text.length, body: body() }
  }
  return { reader: { call } as unknown as Reader, asked: () => asked }
}

test('a record whose body broke off on the way is read again', async () => {
  const { reader, asked } = breaking(2)
  assert.deepEqual((await readRecord(reader, keys)).record, record)
  assert.equal(asked(), 3)
})

test('a record whose body breaks off again and again is a store that is not available', async () => {
  const { reader, asked } = breaking(Number.POSITIVE_INFINITY)
  await assert.rejects(
    readRecord(reader, keys),
    (error) => error instanceof UploadError && error.code === 'ERR_STORE_UNAVAILABLE',
  )
  assert.equal(asked(), 3, 'in the end it is told')
})
