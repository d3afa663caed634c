/** A node that dies at any request of a concatenation leaves it to the next one. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { UploadError } from '../../../src/errors.js'
import { S3Store, type S3StoreOptions } from '../../../src/s3/index.js'
import type { UploadInfo } from '../../../src/store/info.js'
import { bodyOf } from '../../../src/testing/index.js'
import { BUCKET, clientOf, KNOWN, type OpenBucket, openBucket, sha256, someBytes } from '../../support/bucket.js'

const KiB = 1024

/** Small ones first, between and last, and one that is several copies: each kind of piece. */
const CONTENTS = [someBytes(1_000), someBytes(110 * KiB), someBytes(60 * KiB), someBytes(260 * KiB), someBytes(77)]
const WHOLE = Buffer.concat(CONTENTS)
const SHA256 = sha256(WHOLE)

describe('a concatenation that is cut at any request to S3', () => {
  let bucket: OpenBucket
  let sources: UploadInfo[]
  const stores: S3Store[] = []
  const startProcess = (options: Partial<S3StoreOptions> = {}): S3Store => {
    const store = new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      capabilities: KNOWN,
      minPartSize: 50 * KiB,
      preferredPartSize: 50 * KiB,
      maxPartSize: 120 * KiB,
      maxObjectSize: 1024 * KiB,
      ...options,
    })
    stores.push(store)
    return store
  }
  before(async () => {
    bucket = await openBucket({ minPartSize: 50 * KiB })
    sources = []
    const store = startProcess()
    for (const [index, bytes] of CONTENTS.entries()) {
      const upload = { id: `part${index}`, length: bytes.length, metadata: {}, metadataField: undefined }
      const handle = await store.create({ ...upload, concat: { kind: 'partial' } })
      await handle.append(0, bodyOf([bytes]))
      sources.push((await startProcess().open(handle.info.id)).info)
    }
  })
  after(async () => {
    bucket.bucket.intercept = undefined
    for (const store of stores) await store.close()
    await bucket.close()
  })

  let count = 0
  const create = async (): Promise<string> => {
    const id = `final${++count}`
    const concat = { kind: 'final', partials: sources.map((source) => source.id), field: undefined } as const
    await startProcess().create({
      id,
      length: undefined,
      metadata: { filename: 'a' },
      metadataField: undefined,
      concat,
    })
    return id
  }
  const mustBeWhole = async (id: string): Promise<void> => {
    const { info } = await startProcess().open(id)
    assert.deepEqual([info.state, info.offset, info.length], ['complete', WHOLE.length, WHOLE.length])
    const object = await bucket.object(id)
    assert.equal(object.sha256, SHA256)
    assert.equal(object.metadata.filename, 'a')
    assert.deepEqual(await bucket.keys(id), [id, `${id}.info`])
  }

  /** The requests of one concatenation, in no certain order among the pieces: by name, key and part number. */
  const record = async (): Promise<string[]> => {
    const id = await create()
    const seen: string[] = []
    bucket.bucket.intercept = ({ operation, key, partNumber, occurrence }) => {
      if (key.startsWith(id)) seen.push([operation, key.slice(id.length), partNumber ?? '', occurrence].join(' '))
      return undefined
    }
    await (await startProcess().open(id)).concat(sources)
    bucket.bucket.intercept = undefined
    await mustBeWhole(id)
    return seen.slice(1)
  }

  test('its requests: what is copied, what is read and sent, what is committed', async () => {
    const seen = await record()
    const names = seen.map((text) => text.split(' ')[0])
    const counts = Object.fromEntries(
      [...new Set(names)].map((name) => [name, names.filter((other) => other === name).length]),
    )
    assert.deepEqual(counts, {
      CreateMultipartUpload: 1,
      PutObject: 3,
      UploadPart: 1,
      UploadPartCopy: 6,
      ListParts: 1,
      CompleteMultipartUpload: 1,
    })
  })

  const FAULTS = [
    ['before S3 did it', { action: 'reset-before' }],
    ['after S3 did it', { action: 'reset-after' }],
    ['with a refusal', { action: 'status', status: 403, code: 'AccessDenied' }],
  ] as const

  for (const [when, fault] of FAULTS) {
    test(`cut ${when}: at each request, and the next node goes on to the same object`, async (context) => {
      for (const request of await record()) {
        await context.test(request, async () => {
          const [operation, suffix, partNumber, occurrence] = request.split(' ')
          const id = await create()
          let struck = false
          let isDead = false
          bucket.bucket.intercept = (asked) => {
            // A dead process sends nothing any more; what it reads of the sources does not matter.
            if (isDead) return { action: 'reset-before' }
            if (asked.key !== `${id}${suffix}` || asked.operation !== operation) return undefined
            if (String(asked.partNumber ?? '') !== partNumber || asked.occurrence !== Number(occurrence))
              return undefined
            struck = true
            isDead = true
            return fault
          }
          const dying = await startProcess({ maxAttempts: 1 }).open(id)
          await dying.concat(sources).catch(() => undefined)
          assert.ok(struck, 'the fault struck')
          bucket.bucket.intercept = undefined
          const next = await startProcess().open(id)
          await next.concat(next.info.state === 'completing' ? [] : sources)
          await mustBeWhole(id)
          assert.equal(await bucket.multiparts(id), 0, 'no multipart upload stays')
        })
      }
    })
  }

  for (const [when, fault] of FAULTS.slice(0, 2)) {
    test(`one request is cut ${when} and the process lives: it goes on by itself`, async (context) => {
      for (const request of await record()) {
        await context.test(request, async () => {
          const [operation, suffix, partNumber, occurrence] = request.split(' ')
          const id = await create()
          bucket.bucket.intercept = (asked) =>
            asked.key === `${id}${suffix}` &&
            asked.operation === operation &&
            String(asked.partNumber ?? '') === partNumber &&
            asked.occurrence === Number(occurrence)
              ? fault
              : undefined
          await (await startProcess().open(id)).concat(sources)
          bucket.bucket.intercept = undefined
          await mustBeWhole(id)
          assert.equal(await bucket.multiparts(id), 0)
        })
      }
    })
  }

  test('several nodes at the same time, one of which dies in the middle', async () => {
    for (let round = 0; round < 3; round++) {
      const id = await create()
      const handles = await Promise.all([1, 2, 3].map(() => startProcess({ maxAttempts: 2 }).open(id)))
      const results = await Promise.allSettled(handles.map((handle) => handle.concat(sources)))
      assert.ok(results.some(({ status }) => status === 'fulfilled'))
      for (const result of results) if (result.status === 'rejected') assert.ok(result.reason instanceof UploadError)
      await mustBeWhole(id)
      assert.equal(await bucket.multiparts(id), 0)
    }
  })

  test('a node that goes on does not make parts again that are there', async () => {
    const id = await create()
    bucket.bucket.intercept = ({ operation, partNumber, key }) =>
      key === id && operation === 'UploadPartCopy' && partNumber === 7
        ? { action: 'status', status: 403, code: 'AccessDenied' }
        : undefined
    await assert.rejects((await startProcess().open(id)).concat(sources))
    let copies = 0
    bucket.bucket.intercept = ({ operation, key }) => {
      if (key === id && operation.startsWith('UploadPart')) copies++
      return undefined
    }
    await (await startProcess().open(id)).concat(sources)
    bucket.bucket.intercept = undefined
    assert.ok(copies >= 1 && copies < 7, `${copies} parts were made`)
    await mustBeWhole(id)
  })

  test('S3 drops the multipart upload: another one is made, since the partial uploads are still there', async () => {
    const id = await create()
    bucket.bucket.intercept = ({ operation, key }) =>
      key === id && operation === 'CompleteMultipartUpload'
        ? undefined
        : key === id && operation === 'UploadPart'
          ? { action: 'status', status: 403, code: 'AccessDenied' }
          : undefined
    await assert.rejects((await startProcess().open(id)).concat(sources))
    bucket.bucket.intercept = undefined
    await bucket.abortMultiparts(id)
    await (await startProcess().open(id)).concat(sources)
    await mustBeWhole(id)
    assert.equal(await bucket.multiparts(id), 0)
  })
})
