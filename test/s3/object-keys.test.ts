import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { isUsableKey, prefixes } from '../../src/s3/keys.js'
import type { NewUpload } from '../../src/store/info.js'
import { bodyOf } from '../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024
const PART = 16 * KiB

for (const [rule, key, isUsable] of [
  ['a path', 'users/42/photo.jpg', true],
  ['blanks, letters of all scripts, and characters that URLs encode', 'Ärger & Söhne/日本語 #1?100% +~.pdf', true],
  ['an emoji, which is two code units', 'a😀', true],
  ['nothing', '', false],
  ['a path that begins with a slash', '/a', false],
  ['a path that ends with a slash', 'a/', false],
  ['an empty segment', 'a//b', false],
  ['a segment that leads upwards', 'a/../b', false],
  ['a segment that is a dot', './a', false],
  ['a control character', 'a\nb', false],
  ['half a surrogate pair', 'a\ud800', false],
  ['a character that XML cannot carry', 'a\uffff', false],
  ['a blank at its end', 'a ', false],
  ['the name of a record', 'a.info', false],
  ['the name of a slot', 'a.part12', false],
  ['1,024 bytes', 'ä'.repeat(512), true],
  ['more than 1,024 bytes', `${'ä'.repeat(512)}a`, false],
] as const) {
  test(`a key may ${isUsable ? '' : 'not '}be ${rule}`, () => {
    assert.equal(isUsableKey(key, prefixes()), isUsable)
  })
}

test('below a prefix that has no records, a key may end as a record does', () => {
  assert.equal(isUsableKey('a.info', prefixes('objects', 'records')), true)
  assert.equal(isUsableKey('a.info', prefixes('', 'records')), true)
  assert.equal(isUsableKey('records/a.info', prefixes('', 'records')), false)
})

describe('uploads with a key of their own', () => {
  let bucket: OpenBucket
  const stores: S3Store[] = []
  before(async () => {
    bucket = await openBucket({ minPartSize: PART })
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
      ...options,
    })
    stores.push(store)
    return store
  }
  let count = 0
  const begin = (store: S3Store, upload: Partial<NewUpload>) =>
    store.create({ id: `upload${++count}`, length: undefined, metadata: {}, metadataField: undefined, ...upload })
  const upload = async (store: S3Store, bytes: Buffer, more: Partial<NewUpload>) => {
    const handle = await begin(store, { length: bytes.length, ...more })
    await handle.append(0, bodyOf([bytes]))
    assert.equal(handle.info.state, 'complete')
    return handle
  }
  const foreign = (Key: string, Body = 'of somebody else') =>
    bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
  /** A client that does this right before each request of this kind. */
  const rightBefore = (name: string, work: () => Promise<unknown>): S3Client => {
    const service = clientOf(bucket.bucket)
    const send = service.send.bind(service)
    service.send = (async (command: { constructor: { name: string } }, ...rest: []) => {
      if (command.constructor.name === name) await work()
      return send(command as never, ...rest)
    }) as never
    return service
  }
  const bytesOf = async (content: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of content) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  for (const [size, how] of [
    [1000, 'one PutObject'],
    [3 * PART + 5, 'a multipart upload'],
  ] as const) {
    test(`the object of ${how} is under the key and the prefix, the record under the ID`, async () => {
      const bytes = someBytes(size)
      const store = start({ objectPrefix: 'in', metadataObjectPrefix: 'records' })
      const key = `users/4 2/Ünïcode & more ${size}#?%.bin`
      const { info } = await upload(store, bytes, { key })
      assert.deepEqual(info.storage, { Type: 's3store', Bucket: BUCKET, Key: `in/${key}` })
      assert.equal((await bucket.object(`in/${key}`)).sha256, sha256(bytes))
      assert.deepEqual(await bucket.keys(`records/${info.id}`), [`records/${info.id}.info`])
      assert.deepEqual(await bucket.keys(`in/${info.id}`), [])
      const opened = await start({ objectPrefix: 'in', metadataObjectPrefix: 'records' }).open(info.id)
      assert.equal(sha256(await bytesOf(await opened.read())), sha256(bytes), 'and any node reads it')
      const listed: (string | undefined)[] = []
      for await (const one of store.list()) listed.push((await one.read())?.storage.Key)
      assert.ok(listed.includes(`in/${key}`))
      await opened.terminate()
      assert.deepEqual(await bucket.keys(`in/${key}`), [])
    })
  }

  test('an upload with a key is resumed on another node, where its tail and its parts are', async () => {
    const bytes = someBytes(2 * PART + 500)
    const { info } = await begin(start(), { length: bytes.length, key: 'resumed/it' })
    const first = await start().open(info.id)
    await first.append(0, bodyOf([bytes.subarray(0, PART + 300)]))
    const second = await start().open(info.id)
    await second.append(PART + 300, bodyOf([bytes.subarray(PART + 300)]))
    assert.equal((await bucket.object('resumed/it')).sha256, sha256(bytes))
    assert.equal(await bucket.multiparts('resumed/'), 0)
  })

  test('a key that cannot be one is refused at the creation', async () => {
    await assert.rejects(begin(start(), { key: '../etc/passwd' }), { code: 'ERR_INVALID_KEY', status: 400 })
  })

  test('a key that is the ID of another upload is refused, since that one takes all multipart uploads of it for its own', async () => {
    const { info } = await begin(start(), {})
    await assert.rejects(begin(start(), { key: info.id }), { code: 'ERR_INVALID_KEY' })
  })

  for (const size of [1000, 3 * PART]) {
    test(`${size} bytes: what ends before it is complete leaves the object under its key alone`, async () => {
      const key = `shared/${size}`
      const others = await upload(start(), someBytes(700), { key })
      for (const end of ['terminate', 'fail'] as const) {
        const handle = await begin(start(), { length: size, key })
        await handle.append(0, bodyOf([someBytes(size - 1)]))
        if (end === 'terminate') await handle.terminate()
        else await handle.fail('for a test')
        assert.equal((await bytesOf(await others.read())).length, 700, end)
        assert.equal(await bucket.multiparts(key), 0, end)
      }
    })

    test(`${size} bytes: an object that no upload made stays until an upload of that key is complete, which replaces it`, async () => {
      const key = `foreign/${size}`
      await foreign(key)
      const ended = await begin(start(), { length: size, key })
      await ended.append(0, bodyOf([someBytes(size - 1)]))
      await ended.terminate()
      assert.equal((await bucket.object(key)).bytes.toString(), 'of somebody else')
      const bytes = someBytes(size)
      await upload(start(), bytes, { key })
      assert.equal((await bucket.object(key)).sha256, sha256(bytes))
    })

    test(`${size} bytes: who replaced the object of an earlier upload keeps it when that one is terminated`, async () => {
      const key = `later/${size}`
      const earlier = await upload(start(), someBytes(size), { key })
      const bytes = someBytes(size)
      const later = await upload(start(), bytes, { key })
      await assert.rejects(earlier.read(), { code: 'ERR_UPLOAD_GONE', message: /replaced/ })
      await earlier.terminate()
      assert.equal(sha256(await bytesOf(await later.read())), sha256(bytes))
      await later.terminate()
      assert.deepEqual(await bucket.keys(key), [])
    })
  }

  test('of an object that is another when it is to be removed, nothing is removed', async () => {
    const key = 'raced'
    const earlier = await upload(start(), someBytes(100), { key })
    const service = rightBefore('DeleteObjectCommand', () => foreign(key, 'later'))
    const again = await start({ service }).open(earlier.info.id)
    await again.terminate()
    assert.equal((await bucket.object(key)).bytes.toString(), 'later')
  })

  test('two uploads of one key go on side by side: neither takes the multipart upload of the other away', async () => {
    const key = 'both'
    const [one, other] = [someBytes(3 * PART), someBytes(4 * PART)]
    const first = await begin(start(), { length: one.length, key })
    const second = await begin(start(), { length: other.length, key })
    await first.append(0, bodyOf([one.subarray(0, 2 * PART)]))
    await second.append(0, bodyOf([other.subarray(0, 3 * PART)]))
    assert.equal(await bucket.multiparts(key), 2)
    // Opened anew, as by who looks for what crashed writers left.
    const third = await start().open(first.info.id)
    await third.append(2 * PART, bodyOf([one.subarray(2 * PART)]))
    assert.equal((await bucket.object(key)).sha256, sha256(one))
    const fourth = await start().open(second.info.id)
    await fourth.append(3 * PART, bodyOf([other.subarray(3 * PART)]))
    assert.equal((await bucket.object(key)).sha256, sha256(other))
    assert.equal(await bucket.multiparts(key), 0)
  })

  test('a completion whose answer was lost is known again, also where an object was replaced', async () => {
    const key = 'unheard'
    await foreign(key)
    const bytes = someBytes(2 * PART + 1)
    const handle = await begin(start({ maxAttempts: 1 }), { length: bytes.length, key })
    bucket.bucket.intercept = ({ operation, occurrence }) =>
      operation === 'CompleteMultipartUpload' && occurrence === 1 ? { action: 'reset-after' } : undefined
    await handle.append(0, bodyOf([bytes])).catch(() => undefined)
    bucket.bucket.intercept = undefined
    const next = await start().open(handle.info.id)
    await next.finish()
    assert.equal(next.info.state, 'complete')
    assert.equal((await bucket.object(key)).sha256, sha256(bytes))
  })

  test('a missing object of a chosen key is 410, and of an ID the store is corrupt, as before', async () => {
    const chosen = await upload(start(), someBytes(10), { key: 'removed' })
    const plain = await upload(start(), someBytes(10), {})
    for (const { info } of [chosen, plain]) {
      await bucket.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: info.storage.Key }))
    }
    await assert.rejects(chosen.read(), { code: 'ERR_UPLOAD_GONE' })
    await assert.rejects(plain.read(), { code: 'ERR_STORE_CORRUPT' })
  })

  describe('overwrite: false', () => {
    for (const size of [1000, 3 * PART]) {
      test(`${size} bytes: a key that is taken is refused at the creation`, async () => {
        const key = `taken/${size}`
        await foreign(key)
        const store = start({ overwrite: false })
        await assert.rejects(begin(store, { length: size, key }), { code: 'ERR_OBJECT_EXISTS', status: 409 })
      })

      test(`${size} bytes: a key that is taken meanwhile: the upload fails, and the object stays`, async () => {
        const key = `taken-later/${size}`
        const store = start({ overwrite: false })
        const handle = await begin(store, { length: size, key })
        await foreign(key)
        await assert.rejects(handle.append(0, bodyOf([someBytes(size)])), { code: 'ERR_OBJECT_EXISTS' })
        assert.equal((await bucket.object(key)).bytes.toString(), 'of somebody else')
        const { info } = await start().open(handle.info.id)
        assert.equal(info.state, 'failed')
        assert.equal(await bucket.multiparts(key), 0)
        assert.deepEqual(await bucket.keys(handle.info.id), [`${handle.info.id}.info`])
      })

      test(`${size} bytes: a key that is free is taken, and a lost answer is no other object`, async () => {
        const key = `free/${size}`
        const bytes = someBytes(size)
        const store = start({ overwrite: false })
        bucket.bucket.intercept = ({ operation, key: of, occurrence }) =>
          ['PutObject', 'CompleteMultipartUpload'].includes(operation) && of === key && occurrence === 1
            ? { action: 'reset-after' }
            : undefined
        const handle = await begin(store, { length: size, key })
        await handle.append(0, bodyOf([bytes])).catch(() => undefined)
        bucket.bucket.intercept = undefined
        const next = await start({ overwrite: false }).open(handle.info.id)
        await next.finish()
        assert.equal((await bucket.object(key)).sha256, sha256(bytes))
      })
    }

    test('an object that comes between the look and the completion is not replaced: the completion has a condition', async () => {
      const key = 'between'
      const handle = await begin(start({ overwrite: false }), { length: 3 * PART, key })
      const service = rightBefore('CompleteMultipartUploadCommand', () => foreign(key))
      const racing = await start({ overwrite: false, service }).open(handle.info.id)
      await assert.rejects(racing.append(0, bodyOf([someBytes(3 * PART)])), { code: 'ERR_OBJECT_EXISTS' })
      assert.equal((await bucket.object(key)).bytes.toString(), 'of somebody else')
    })
  })

  test('partial uploads stay under their IDs, and the final one is joined under its key', async () => {
    const store = start()
    const bytes = [someBytes(PART + 10), someBytes(2 * PART)]
    const key = 'joined/file'
    const partials = []
    for (const part of bytes) partials.push(await upload(store, part, { key, concat: { kind: 'partial' } }))
    assert.deepEqual(
      partials.map(({ info }) => info.storage.Key),
      partials.map(({ info }) => info.id),
    )
    const concat = { kind: 'final', partials: partials.map(({ info }) => info.id), field: undefined } as const
    const final = await begin(store, { concat, key })
    await final.concat(partials.map(({ info }) => info))
    assert.equal((await bucket.object(key)).sha256, sha256(Buffer.concat(bytes)))
    const { Metadata } = await bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }))
    assert.equal(Metadata?.['holdfast-id'], final.info.id)
  })

  test('a writer that was overtaken by a termination removes its object, and no other', async () => {
    const key = 'overtaken'
    const handle = await begin(start(), { length: 10, key })
    bucket.bucket.intercept = ({ operation, key: of }) => {
      if (operation !== 'PutObject' || of !== key) return undefined
      bucket.bucket.intercept = undefined
      return { action: 'delay', ms: 300 }
    }
    const late = await start().open(handle.info.id)
    const writing = late.append(0, bodyOf([someBytes(10)]))
    await new Promise((resolve) => setTimeout(resolve, 50))
    await (await start().open(handle.info.id)).terminate()
    await assert.rejects(writing)
    assert.deepEqual(await bucket.keys(key), [])
  })
})
