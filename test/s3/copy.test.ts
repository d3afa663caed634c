import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import type { NewUpload } from '../../src/store/info.js'
import { bodyOf, type Fault, type OperationName } from '../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024
const PART = 16 * KiB
const ARCHIVE = 'archive'

describe('copying and moving', () => {
  let bucket: OpenBucket
  const stores: S3Store[] = []
  before(async () => {
    bucket = await openBucket({ minPartSize: PART, buckets: [BUCKET, ARCHIVE] })
  })
  after(async () => {
    for (const store of stores) await store.close()
    await bucket.close()
  })
  const start = (options: Partial<S3StoreOptions> = {}): S3Store => {
    const store = new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      capabilities: KNOWN,
      minPartSize: PART,
      preferredPartSize: PART,
      maxAttempts: 1,
      ...options,
    })
    stores.push(store)
    return store
  }
  let count = 0
  const upload = async (bytes: Buffer, more: Partial<NewUpload> = {}, store = start()): Promise<string> => {
    const id = `upload${++count}`
    const handle = await store.create({ id, length: bytes.length, metadata: {}, metadataField: undefined, ...more })
    await handle.append(0, bodyOf([bytes]))
    return id
  }
  const objectIn = async (Bucket: string, Key: string) => {
    const { Body, ...head } = await bucket.client.send(new GetObjectCommand({ Bucket, Key }))
    return { ...head, sha256: sha256(await Body!.transformToByteArray()) }
  }
  const isThere = (Bucket: string, Key: string): Promise<boolean> =>
    bucket.client.send(new HeadObjectCommand({ Bucket, Key })).then(
      () => true,
      () => false,
    )
  const OBJECT = {
    contentType: 'image/png',
    contentDisposition: 'inline',
    cacheControl: 'no-cache',
    metadata: { title: 'x' },
    tags: { team: 'a b' },
    storageClass: 'STANDARD_IA',
  }
  const WAYS = [
    ['at once', {}],
    ['in parts', { multipartFrom: PART }],
  ] as const

  for (const [way, options] of WAYS) {
    for (const [where, target] of [
      ['the same bucket', { key: 'copies/äb c#1' }],
      ['another bucket', { key: 'copies/äb c#1', bucket: ARCHIVE }],
    ] as const) {
      test(`${way}, to ${where}: the copy has the bytes, headers, metadata and tags; the upload stays as it was`, async () => {
        const bytes = someBytes(3 * PART + 7)
        const id = await upload(bytes, { object: OBJECT })
        const key = `${target.key} ${way}`
        const copied = await start().copyObject(id, { ...target, key, ...options })
        const Bucket = 'bucket' in target ? target.bucket : BUCKET
        const found = await objectIn(Bucket, key)
        assert.equal(found.sha256, sha256(bytes))
        assert.equal(found.ContentType, OBJECT.contentType)
        assert.equal(found.ContentDisposition, OBJECT.contentDisposition)
        assert.equal(found.CacheControl, OBJECT.cacheControl)
        assert.equal(found.StorageClass, OBJECT.storageClass)
        assert.equal(found.Metadata?.title, 'x')
        const { TagSet } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket, Key: key }))
        assert.deepEqual(TagSet, [{ Key: 'team', Value: 'a b' }])
        assert.equal(copied.etag, found.ETag)
        assert.equal(copied.size, bytes.length)
        assert.equal(typeof copied.crc32, 'number', 'the checksum of the copy was compared')
        assert.equal((await start().open(id)).info.state, 'complete')
        assert.equal((await bucket.object(id)).sha256, sha256(bytes))
      })
    }

    test(`${way}: what is named is replaced, the rest carried over`, async () => {
      const id = await upload(someBytes(2 * PART), { object: OBJECT })
      const object = { contentType: 'text/plain', tags: { new: 'one' }, metadata: { other: 'y' } }
      const key = `replaced ${way}`
      await start().copyObject(id, { key, object, ...options })
      const found = await objectIn(BUCKET, key)
      assert.equal(found.ContentType, 'text/plain')
      assert.equal(found.CacheControl, OBJECT.cacheControl)
      assert.deepEqual(Object.keys(found.Metadata!).sort(), ['holdfast-id', 'holdfast-token', 'other'])
      const { TagSet } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket: BUCKET, Key: key }))
      assert.deepEqual(TagSet, [{ Key: 'new', Value: 'one' }])
    })

    test(`${way}: a copy is made once, however often it is asked for`, async () => {
      const id = await upload(someBytes(2 * PART))
      const target = { key: `once ${way}`, ...options }
      const first = await start().copyObject(id, target)
      bucket.bucket.requests.reset()
      assert.deepEqual(await start().copyObject(id, target), first)
      const made = ['CopyObject', 'UploadPartCopy', 'CreateMultipartUpload'] as OperationName[]
      assert.deepEqual(
        made.map((name) => bucket.bucket.requests.get(name) ?? 0),
        [0, 0, 0],
      )
    })

    test(`${way}: an object that was replaced is not copied`, async () => {
      const id = await upload(someBytes(2 * PART), { key: `replaced-source ${way}` })
      await bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `replaced-source ${way}`, Body: 'other' }))
      await assert.rejects(start().copyObject(id, { key: `bad ${way}`, ...options }), { code: 'ERR_UPLOAD_GONE' })
      assert.equal(await isThere(BUCKET, `bad ${way}`), false)
    })

    test(`${way}: an object that is replaced while it is to be copied is not taken for the upload's`, async () => {
      const key = `raced-source ${way}`
      const id = await upload(someBytes(2 * PART), { key })
      const service = clientOf(bucket.bucket)
      const send = service.send.bind(service)
      const replace = () =>
        bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: someBytes(2 * PART) }))
      service.send = (async (command: { constructor: { name: string } }, ...rest: []) => {
        if (/^(CopyObject|UploadPartCopy)Command$/.test(command.constructor.name)) await replace()
        return send(command as never, ...rest)
      }) as never
      const target = { key: `${key} copy`, ...options }
      await assert.rejects(start({ service }).copyObject(id, target), { code: 'ERR_CONFLICT' })
      await assert.rejects(start({ service }).moveUpload(id, target), { code: 'ERR_UPLOAD_GONE' })
      assert.equal(await isThere(BUCKET, target.key), false)
      assert.equal(await isThere(BUCKET, key), true)
    })

    test(`${way}: a move leaves the object at its new place alone; GET is 410, and a termination does not touch it`, async () => {
      const bytes = someBytes(2 * PART + 1)
      const id = await upload(bytes)
      const key = `moved ${way}`
      await start().moveUpload(id, { key, ...options })
      assert.equal((await objectIn(BUCKET, key)).sha256, sha256(bytes))
      assert.equal(await isThere(BUCKET, id), false)
      const moved = await start().open(id)
      assert.equal(moved.info.state, 'complete')
      assert.deepEqual(moved.info.storage, { Type: 's3store', Bucket: BUCKET, Key: key })
      assert.equal(moved.info.leftovers, undefined)
      await assert.rejects(moved.read(), { code: 'ERR_UPLOAD_GONE', message: /moved/ })
      await start().moveUpload(id, { key, ...options })
      await assert.rejects(start().moveUpload(id, { key: `${key} again` }), { code: 'ERR_CONFLICT' })
      const listed: (string | undefined)[] = []
      for await (const one of start().list()) listed.push((await one.read())?.storage.Key)
      assert.ok(listed.includes(key), 'and the record is listed')
      await moved.terminate()
      assert.equal(await isThere(BUCKET, key), true)
      assert.equal(await isThere(BUCKET, `${id}.info`), false)
    })
  }

  // Each request in turn: test-faults/objects.test.ts.
  const REFUSED: Fault = { action: 'status', status: 500, code: 'InternalError' }
  const UNHEARD: Fault = { action: 'reset-after' }
  const STRUCK: readonly [way: 0 | 1, operation: OperationName, turns: number, faults: readonly Fault[]][] = [
    [0, 'CopyObject', 1, [UNHEARD]],
    [0, 'PutObject', 2, [UNHEARD]],
    [0, 'DeleteObject', 1, [REFUSED]],
    [1, 'UploadPartCopy', 1, [REFUSED]],
    [1, 'CompleteMultipartUpload', 1, [UNHEARD]],
  ]
  for (const [at, struck, turns, faults] of STRUCK) {
    const [way, options] = WAYS[at]
    for (const fault of faults) {
      test(`${way}: ${struck} struck by ${fault.action}, each time it comes in turn: the object is never missing, and a repeated move ends it`, async () => {
        const bytes = someBytes(3 * PART)
        const calm = start()
        for (let turn = 1; turn <= turns; turn++) {
          const id = await upload(bytes, {}, calm)
          const key = `struck/${id}`
          const store = start({ requestTimeout: 200, completeTimeout: 200 })
          let seen = 0
          bucket.bucket.intercept = ({ operation }) => (operation === struck && ++seen === turn ? fault : undefined)
          await store.moveUpload(id, { key, ...options }).catch(() => undefined)
          bucket.bucket.intercept = undefined
          const places = [await isThere(BUCKET, id), await isThere(BUCKET, key)]
          assert.ok(places.includes(true), 'at one of the two places at least')
          assert.ok(seen >= turn, 'it was struck')
          await calm.moveUpload(id, { key, ...options })
          assert.equal((await objectIn(BUCKET, key)).sha256, sha256(bytes))
          assert.equal(await isThere(BUCKET, id), false)
          assert.equal((await calm.open(id)).info.leftovers, undefined)
        }
      })
    }
  }

  test('a copy that is not what was copied is found out, and nothing is removed for it', async () => {
    for (const [way, options] of WAYS) {
      const id = await upload(someBytes(2 * PART))
      bucket.bucket.intercept = ({ operation }) =>
        operation === 'UploadPartCopy' || operation === 'CopyObject' ? { action: 'corrupt' } : undefined
      const moving = start().moveUpload(id, { key: `corrupt ${way}`, ...options })
      await assert.rejects(moving, ({ code }) => code === 'ERR_STORE_CORRUPT' || code === 'ERR_STORE_UNAVAILABLE', way)
      bucket.bucket.intercept = undefined
      assert.equal(await isThere(BUCKET, id), true)
      await start().moveUpload(id, { key: `corrupt ${way}`, ...options })
      assert.equal(await isThere(BUCKET, id), false, `${way}: and made anew`)
    }
  })

  test('a commit that came between does not end a move', async () => {
    const id = await upload(someBytes(100))
    const store = start()
    let isOvertaken = false
    bucket.bucket.intercept = ({ operation, key }) => {
      if (operation !== 'CopyObject' || key !== 'raced' || isOvertaken) return undefined
      isOvertaken = true
      void start()
        .open(id)
        .then((other) => other.commit({}))
      return { action: 'delay', ms: 200 }
    }
    await store.moveUpload(id, { key: 'raced' })
    bucket.bucket.intercept = undefined
    assert.ok(isOvertaken)
    assert.equal(await isThere(BUCKET, id), false)
  })

  test('an unfinished upload, a key that is none and a copy to itself are refused', async () => {
    const store = start()
    const id = await upload(someBytes(10))
    await store.create({ id: 'open', length: 10, metadata: {}, metadataField: undefined })
    await assert.rejects(store.copyObject('open', { key: 'x' }), { code: 'ERR_INCOMPLETE_UPLOAD' })
    await assert.rejects(store.copyObject('none', { key: 'x' }), { code: 'ERR_UPLOAD_NOT_FOUND' })
    await assert.rejects(store.copyObject(id, { key: '../x' }), { code: 'ERR_INVALID_KEY' })
    await assert.rejects(store.copyObject(id, { key: `${id}.info` }), { code: 'ERR_INVALID_KEY' })
    await assert.rejects(store.copyObject(id, { key: id }), { code: 'ERR_INVALID_OPTIONS' })
    await assert.rejects(store.copyObject(id, { key: 'x', multipartFrom: 6 * 1024 ** 3 }), {
      code: 'ERR_INVALID_OPTIONS',
    })
  })

  for (const [way, options] of WAYS) {
    test(`${way}: what is encrypted by a customer's key is copied by it`, async () => {
      const encryption = { type: 'customer', key: randomBytes(32) } as const
      const store = start({ encryption })
      const bytes = someBytes(2 * PART)
      const id = await upload(bytes, {}, store)
      await store.moveUpload(id, { key: `secret ${way}`, ...options })
      await assert.rejects(objectIn(BUCKET, `secret ${way}`), { name: 'InvalidRequest' })
    })
  }
})
