import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import {
  GetObjectAclCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../src/s3/index.js'
import { objectHead } from '../../src/s3/object-head.js'
import { chooseObject } from '../../src/s3/object-options.js'
import type { NewUpload, ObjectOptions } from '../../src/store/info.js'
import { bodyOf } from '../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../support/bucket.js'

const KiB = 1024
const PART = 16 * KiB
const WITH_TAGS = { tags: true }
const NEW = { id: 'a', length: 1, metadata: {}, metadataField: undefined }

for (const [rule, object] of [
  ['eleven tags', { tags: Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`t${at}`, ''])) }],
  ['a tag without a name', { tags: { '': 'x' } }],
  ['a name of a tag with 129 characters', { tags: { ['x'.repeat(129)]: '' } }],
  ['a value of a tag with 257 characters', { tags: { x: 'x'.repeat(257) } }],
  ['a character that no tag may have', { tags: { x: 'a&b' } }],
  ['a line break in a tag', { tags: { x: 'a\nb' } }],
  ['a name of a tag that AWS keeps to itself', { tags: { 'aws:x': '' } }],
  ['a storage class that is a header more', { storageClass: 'STANDARD\r\nx-amz-acl: public-read' }],
  ['an ACL that is none', { acl: 'public read' }],
] as [string, ObjectOptions][]) {
  test(`refused at the creation: ${rule}`, () => {
    const choose = () => chooseObject({ ...NEW, object }, {}, WITH_TAGS)
    assert.throws(choose, { code: 'ERR_INVALID_OPTIONS' })
  })
}

test('refused at the creation: tags where the provider has none', () => {
  const choose = (tags: Record<string, string>) => chooseObject({ ...NEW, object: { tags } }, {}, { tags: false })
  assert.throws(() => choose({ a: 'b' }), { code: 'ERR_INVALID_OPTIONS', message: /tags/ })
  assert.doesNotThrow(() => choose({}))
})

test('refused at the creation: more metadata than S3 keeps, also where a hook has chosen it', () => {
  const choose = () => chooseObject({ ...NEW, object: { metadata: { a: 'x'.repeat(2_048) } } }, {}, WITH_TAGS)
  assert.throws(choose, { code: 'ERR_METADATA_TOO_LARGE' })
})

test('what is said of the upload wins over the defaults of the store, which may be a function of it', () => {
  const object = { cacheControl: 'no-cache', acl: 'private' }
  const given = { ...NEW, object: { cacheControl: 'max-age=60', contentLanguage: undefined } }
  assert.deepEqual(chooseObject(given, { object }, WITH_TAGS), { cacheControl: 'max-age=60', acl: 'private' })
  const byId = { object: ({ id }: Readonly<NewUpload>) => ({ tags: { id } }) }
  assert.deepEqual(chooseObject(NEW, byId, WITH_TAGS), { tags: { id: 'a' } })
  assert.equal(chooseObject(NEW, {}, WITH_TAGS), undefined)
})

test('the metadata of the object is what is allowed of the client, or what is made of it', () => {
  const upload = { ...NEW, metadata: { name: 'x', 'x-internal': 'y' } }
  assert.deepEqual(chooseObject(upload, { objectMetadata: ['name'] }, WITH_TAGS), { metadata: { name: 'x' } })
  const made = { objectMetadata: ({ name }: Record<string, string>, id: string) => ({ title: `${name} of ${id}` }) }
  assert.deepEqual(chooseObject(upload, made, WITH_TAGS), { metadata: { title: 'x of a' } })
  const chosen = { ...upload, object: { metadata: { by: 'hook' } } }
  assert.deepEqual(chooseObject(chosen, made, WITH_TAGS), { metadata: { by: 'hook' } })
})

test('partial uploads get none of it: they must be cheap to copy, and are gone soon', () => {
  const upload = { ...NEW, concat: { kind: 'partial' }, object: { acl: 'public-read' } } as const
  assert.equal(chooseObject(upload, { object: { storageClass: 'GLACIER' } }, WITH_TAGS), undefined)
})

for (const [rule, given, expected] of [
  ['an ASCII name stays as it is', 'attachment; filename="a b.pdf"', 'attachment; filename="a b.pdf"'],
  [
    'a name in letters of all scripts is also given in RFC 8187',
    'attachment; filename="Ä 日.pdf"',
    `attachment; filename="? ?.pdf"; filename*=UTF-8''%C3%84%20%E6%97%A5.pdf`,
  ],
  [
    'what is given so already is given once',
    `inline; filename="Ä"; filename*=UTF-8''%C3%84`,
    `inline; filename="?"; filename*=UTF-8''%C3%84`,
  ],
  ['a line break ends no header', 'inline\r\nx-amz-acl: public-read', 'inline??x-amz-acl: public-read'],
] as const) {
  test(`Content-Disposition of the object: ${rule}`, () => {
    const head = objectHead({ id: 'a', metadata: {}, object: { contentDisposition: given } }, 'token')
    assert.equal(head.contentDisposition, expected)
  })
}

test('no value of the object can be a header more', () => {
  const evil = 'x\r\nx-amz-acl: public-read\0'
  const object = {
    contentType: evil,
    contentEncoding: evil,
    contentLanguage: evil,
    cacheControl: evil,
    metadata: { a: evil },
  }
  const { metadata, tags: _, ...fields } = objectHead({ id: 'a', metadata: {}, object }, 'token')
  for (const value of [...Object.values(fields), ...Object.values(metadata!)]) {
    assert.doesNotMatch(value ?? '', /[\x00-\x1f]/)
  }
})

describe('the object has what was chosen, by whichever way it is made', () => {
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
  const OBJECT = {
    contentType: 'application/pdf',
    contentDisposition: 'attachment; filename="Übung.pdf"',
    contentEncoding: 'identity',
    contentLanguage: 'de',
    cacheControl: 'public, max-age=31536000, immutable',
    metadata: { title: 'Übung' },
    tags: { team: 'a b', 'cost/center': 'x+y=z', ö: 'ü' },
    storageClass: 'STANDARD_IA',
    acl: 'public-read',
  } satisfies ObjectOptions

  const mustHaveAll = async (Key: string): Promise<HeadObjectCommandOutput> => {
    const head = await bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }))
    assert.equal(head.ContentType, OBJECT.contentType)
    assert.equal(head.ContentDisposition, `attachment; filename="?bung.pdf"; filename*=UTF-8''%C3%9Cbung.pdf`)
    assert.equal(head.ContentEncoding, OBJECT.contentEncoding)
    assert.equal(head.ContentLanguage, OBJECT.contentLanguage)
    assert.equal(head.CacheControl, OBJECT.cacheControl)
    assert.equal(head.StorageClass, OBJECT.storageClass)
    assert.deepEqual(Object.keys(head.Metadata!).sort(), ['holdfast-id', 'holdfast-token', 'title'])
    const { TagSet } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket: BUCKET, Key }))
    assert.deepEqual(Object.fromEntries(TagSet!.map((tag) => [tag.Key, tag.Value])), OBJECT.tags)
    const { Grants } = await bucket.client.send(new GetObjectAclCommand({ Bucket: BUCKET, Key }))
    assert.ok(Grants!.some((grant) => grant.Permission === 'READ' && grant.Grantee?.URI?.endsWith('AllUsers')))
    return head
  }

  test('one PutObject', async () => {
    const handle = await start().create({ ...NEW, id: 'put', length: 100, object: OBJECT })
    await handle.append(0, bodyOf([someBytes(100)]))
    await mustHaveAll('put')
  })

  test('a multipart upload, gone on with on a node that has other defaults', async () => {
    const bytes = someBytes(3 * PART)
    const options = { object: OBJECT }
    const { info } = await start(options).create({ ...NEW, id: 'parts', length: bytes.length })
    const handle = await start({ object: { acl: 'private', contentType: 'text/plain' } }).open(info.id)
    await handle.append(0, bodyOf([bytes]))
    await mustHaveAll('parts')
    assert.equal((await bucket.object('parts')).sha256, sha256(bytes))
  })

  test('a final upload, joined of partial ones that have nothing of it', async () => {
    const store = start({ object: OBJECT })
    const partials = []
    for (const id of ['p1', 'p2']) {
      const partial = await store.create({ ...NEW, id, length: PART, concat: { kind: 'partial' } })
      await partial.append(0, bodyOf([someBytes(PART)]))
      partials.push(partial)
    }
    const concat = { kind: 'final', partials: ['p1', 'p2'], field: undefined } as const
    const final = await store.create({ ...NEW, id: 'final', length: undefined, concat })
    await final.concat(partials.map(({ info }) => info))
    await mustHaveAll('final')
    const { StorageClass } = await bucket.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'p1' }))
    assert.equal(StorageClass, undefined)
  })

  test('records and tails have no tags, no ACL and the class of the bucket', async () => {
    const handle = await start({ object: OBJECT }).create({ ...NEW, id: 'open', length: 100 })
    await handle.append(0, bodyOf([someBytes(50)]))
    const { Contents } = await bucket.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'open' }))
    assert.deepEqual(
      Contents!.map(({ Key, StorageClass }) => [Key, StorageClass]),
      [
        ['open.info', 'STANDARD'],
        ['open.part', 'STANDARD'],
      ],
    )
    for (const Key of ['open.info', 'open.part']) {
      const { TagSet } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket: BUCKET, Key }))
      assert.deepEqual(TagSet, [])
      const { Grants } = await bucket.client.send(new GetObjectAclCommand({ Bucket: BUCKET, Key }))
      assert.equal(Grants!.length, 1)
    }
  })

  test('what is chosen is told by the record, and stays as it was chosen', async () => {
    const { info } = await start({ object: OBJECT }).create({ ...NEW, id: 'kept' })
    const { bytes } = await bucket.object(`${info.id}.info`)
    assert.deepEqual(JSON.parse(bytes.toString()).Holdfast.object, OBJECT)
  })

  test('the account that must own the bucket goes along with each request: with another, nothing is taken', async () => {
    const right = await start({ expectedBucketOwner: '123456789012' }).create({ ...NEW, id: 'owned', length: 3 * PART })
    await right.append(0, bodyOf([someBytes(3 * PART)]))
    assert.equal(right.info.state, 'complete')
    const wrong = start({ expectedBucketOwner: '999999999999' })
    await assert.rejects(wrong.create({ ...NEW, id: 'stolen' }), { code: 'ERR_STORE_UNAVAILABLE' })
    assert.deepEqual(await bucket.keys('stolen'), [])
  })
})

describe('what every object is to have is tried at start', () => {
  const stage = async (context: TestContext, options: Partial<S3StoreOptions>, quirks = {}) => {
    const bucket = await openBucket({ quirks })
    const store = new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      capabilities: KNOWN,
      maxAttempts: 1,
      ...options,
    })
    context.after(async () => {
      await store.close()
      await bucket.close()
    })
    return { bucket, store }
  }

  test('what the bucket takes leaves nothing behind', async (context) => {
    const { bucket, store } = await stage(context, { object: { acl: 'public-read', tags: { a: 'b' } } })
    await store.ready({ exclusive: false })
    assert.equal(bucket.bucket.requests.get('PutObject'), 1)
    assert.deepEqual(await bucket.keys(), [])
  })

  test('nothing is asked where there is nothing to refuse', async (context) => {
    const { bucket, store } = await stage(context, { object: { cacheControl: 'no-cache', contentType: undefined } })
    await store.ready({ exclusive: false })
    assert.equal(bucket.bucket.requests.get('PutObject'), undefined)
  })

  for (const [rule, options, message] of [
    ['a storage class that is none', { object: { storageClass: 'FROZEN' } }, /400 InvalidStorageClass/],
    ['an ACL that is none', { object: { acl: 'everybody' } }, /400 InvalidArgument/],
  ] as const) {
    test(`${rule} is ERR_INVALID_OPTIONS at start, not when the first upload is whole`, async (context) => {
      const { store } = await stage(context, options)
      await assert.rejects(store.ready({ exclusive: false }), { code: 'ERR_INVALID_OPTIONS', message })
    })
  }

  test('a right that is missing is told with the code of S3', async (context) => {
    const { bucket, store } = await stage(context, { encryption: { type: 'aws:kms' } })
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'PutObject' ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined
    await assert.rejects(store.ready({ exclusive: false }), {
      code: 'ERR_INVALID_OPTIONS',
      message: /403 AccessDenied/,
    })
  })

  test('tags where the provider has none are refused at start, and a store that is not there is asked again', async (context) => {
    const none = await stage(context, { object: { tags: { a: 'b' } }, capabilities: { ...KNOWN, tags: false } })
    await assert.rejects(none.store.ready({ exclusive: false }), { code: 'ERR_INVALID_OPTIONS', message: /tags/ })
    const { bucket, store } = await stage(context, { object: { tags: { a: 'b' } } })
    bucket.bucket.intercept = () => ({ action: 'status', status: 503, code: 'SlowDown' })
    await assert.rejects(store.ready({ exclusive: false }), { code: 'ERR_STORE_UNAVAILABLE' })
    bucket.bucket.intercept = undefined
    await store.ready({ exclusive: false })
  })
})
