import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import type { UploadError } from '../../src/errors.js'
import type { SweepReport } from '../../src/index.js'
import type { ListedUpload } from '../../src/store/index.js'
import type { Intercept } from '../../src/testing/bucket/index.js'
import { bodyOf } from '../support/body.js'
import { BUCKET } from '../support/bucket.js'
import { type Ground, HOUR, KINDS, KiB, MINUTE, openGround, type TestNode } from '../support/clocked.js'
import { MemoryLocker } from '../support/locker.js'
import { head, idOf, offsetOf, PATCH_TYPE, patch, post, sha256, someBytes } from '../support/stack.js'

/** The counts that are not 0. */
function counts({ stopped, ...report }: SweepReport): Partial<SweepReport> {
  assert.equal(stopped, false)
  return Object.fromEntries(Object.entries(report).filter(([, count]) => count > 0))
}

async function create(node: TestNode, length: number, fields: Record<string, string> = {}): Promise<string> {
  const created = await post(node, { 'Upload-Length': String(length), ...fields })
  assert.equal(created.status, 201)
  return created.headers.get('Location')!
}

async function send(url: string, offset: number, bytes: Uint8Array): Promise<void> {
  const answer = await patch(url, offset, bytes)
  assert.equal(answer.status, 204, await answer.text())
}

async function contentOf(url: string): Promise<string> {
  const answer = await fetch(url)
  assert.equal(answer.status, 200)
  return sha256(Buffer.from(await answer.arrayBuffer()))
}

interface Hanging {
  answer: Promise<number>
  end(bytes: Uint8Array): void
}

/** A PATCH that has begun, and of which the last bytes come with `end`. */
async function hang(node: TestNode, url: string, offset: number, first: Uint8Array, rest: number): Promise<Hanging> {
  const length = first.length + rest
  const headers = { ...PATCH_TYPE, 'Upload-Offset': String(offset), 'Content-Length': String(length) }
  const request = http.request(url, { method: 'PATCH', headers })
  const answer = new Promise<number>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
  })
  request.write(first)
  while (node.holdfast.active === 0) await sleep(2)
  await sleep(30)
  return { answer, end: (bytes) => request.end(bytes) }
}

const on = (kind: Ground['kind'], rule: string, run: (ground: Ground, context: TestContext) => Promise<void>): void => {
  test(`${kind}: ${rule}`, { timeout: 120_000 }, async (context) => run(await openGround(context, kind), context))
}

for (const kind of KINDS) {
  on(
    kind,
    'what has expired loses its bytes and keeps its record, until nobody need be told any more',
    async (ground) => {
      const node = await ground.node({ expiresAfter: HOUR })
      const bytes = someBytes(30 * KiB)
      const [tail, parts, alive] = [
        await create(node, 30 * KiB),
        await create(node, 30 * KiB),
        await create(node, 30 * KiB),
      ]
      await send(tail, 0, bytes.subarray(0, 700))
      await send(parts, 0, bytes.subarray(0, 11 * KiB))
      await send(parts, 11 * KiB, bytes.subarray(11 * KiB, 14 * KiB))
      ground.pass(50 * MINUTE)
      await send(alive, 0, bytes.subarray(0, 11 * KiB))
      assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3 })
      ground.pass(20 * MINUTE)
      assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3, expired: 2 })
      for (const url of [tail, parts]) {
        assert.deepEqual(await ground.stored(idOf(url)), [`${idOf(url)}.info`])
        const answer = await fetch(url)
        assert.equal(answer.status, 410)
        assert.match(await answer.text(), /expired/)
      }
      await send(alive, 11 * KiB, bytes.subarray(11 * KiB))
      assert.equal(await contentOf(alive), sha256(bytes))
      assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3 })
      ground.pass(24 * HOUR)
      assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3, removed: 2 })
      for (const url of [tail, parts]) {
        assert.equal((await head(url)).status, 404)
        assert.deepEqual(await ground.stored(idOf(url)), [])
      }
      assert.equal(await contentOf(alive), sha256(bytes), 'a finished upload never expires')
      assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1 })
    },
  )

  on(kind, 'a dry run counts and changes nothing', async (ground) => {
    const node = await ground.node({ expiresAfter: HOUR })
    const url = await create(node, 30 * KiB)
    await send(url, 0, someBytes(11 * KiB))
    ground.pass(2 * HOUR)
    const before = await ground.stored(idOf(url))
    assert.deepEqual(counts(await node.holdfast.sweep({ dryRun: true })), { listed: 1, expired: 1 })
    assert.deepEqual(await ground.stored(idOf(url)), before)
    assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1, expired: 1 })
    const tombstone = { dryRun: true, keepExpired: 0 }
    assert.deepEqual(counts(await node.holdfast.sweep(tombstone)), { listed: 1, removed: 1 })
    assert.deepEqual(await ground.stored(idOf(url)), [`${idOf(url)}.info`])
  })

  on(kind, 'abandonedAfter: an upload without a deadline ends if nothing was stored for so long', async (ground) => {
    const node = await ground.node()
    const [old, whole] = [await create(node, 10), await create(node, 10)]
    await send(old, 0, someBytes(5))
    await send(whole, 0, someBytes(10))
    ground.pass(40 * HOUR)
    assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 2 })
    assert.deepEqual(counts(await node.holdfast.sweep({ abandonedAfter: 41 * HOUR })), { listed: 2 })
    assert.deepEqual(counts(await node.holdfast.sweep({ abandonedAfter: 39 * HOUR })), { listed: 2, expired: 1 })
    assert.equal((await head(old)).status, 410)
    assert.equal((await head(whole)).status, 200)
  })

  on(kind, 'a final upload fails with a partial one that expired, and its finished ones stay', async (ground) => {
    const node = await ground.node({ expiresAfter: HOUR, keepExpired: 100 * HOUR })
    const partial = { 'Upload-Concat': 'partial' }
    const [one, two] = [await create(node, KiB, partial), await create(node, KiB, partial)]
    await send(one, 0, someBytes(KiB))
    const created = await post(node, { 'Upload-Concat': `final;${one} ${two}` })
    const final = created.headers.get('Location')!
    assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3, waiting: 1 })
    ground.pass(2 * HOUR)
    // In whichever order they come.
    await node.holdfast.sweep()
    await node.holdfast.sweep()
    for (const url of [two, final]) {
      assert.equal((await head(url)).status, 410)
      assert.deepEqual(await ground.stored(idOf(url)), [`${idOf(url)}.info`])
    }
    assert.equal((await head(one)).status, 200)
    ground.pass(101 * HOUR)
    assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3, removed: 2 })
  })

  on(
    kind,
    'a final upload whose partial uploads are complete is completed, though nobody asked for it',
    async (ground) => {
      const node = await ground.node()
      const [one, two] = [someBytes(3 * KiB), someBytes(2 * KiB)]
      const store = ground.store()
      const id = (url: string): string => idOf(url)
      const partials = [await create(node, one.length, { 'Upload-Concat': 'partial' })]
      partials.push(await create(node, two.length, { 'Upload-Concat': 'partial' }))
      await send(partials[0]!, 0, one)
      await send(partials[1]!, 0, two)
      // As if its creator had died right after the record was there.
      const concat = { kind: 'final', partials: partials.map(id), field: 'final;' } as const
      await store.create({ id: 'final', length: 5 * KiB, metadata: {}, metadataField: undefined, concat })
      assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3, completed: 1 })
      assert.equal(await contentOf(`${node.url}final`), sha256(Buffer.concat([one, two])))
      assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3 })
    },
  )

  on(kind, 'two nodes that sweep at once do it once between them', async (ground) => {
    const nodes = [await ground.node({ expiresAfter: HOUR }), await ground.node({ expiresAfter: HOUR })] as const
    const urls: string[] = []
    for (let upload = 0; upload < 30; upload++) {
      const url = await create(nodes[0], 30 * KiB)
      urls.push(url)
      await send(url, 0, someBytes(upload % 2 ? 500 : 9 * KiB))
    }
    ground.pass(2 * HOUR)
    const reports = await Promise.all(nodes.map(({ holdfast }) => holdfast.sweep()))
    assert.equal(
      reports.reduce((sum, { problems }) => sum + problems, 0),
      0,
    )
    assert.equal(
      reports.reduce((sum, { expired }) => sum + expired, 0),
      30,
    )
    ground.pass(25 * HOUR)
    const removing = await Promise.all(nodes.map(({ holdfast }) => holdfast.sweep()))
    assert.equal(
      removing.reduce((sum, { problems }) => sum + problems, 0),
      0,
    )
    for (const url of urls) assert.deepEqual(await ground.stored(idOf(url)), [])
  })

  for (const where of ['this node', 'another node']) {
    on(kind, `a PATCH under way on ${where} is not disturbed: it ends well, and its upload lives`, async (ground) => {
      const node = await ground.node({ expiresAfter: HOUR })
      const sweeper = where === 'this node' ? node : await ground.node({ expiresAfter: HOUR })
      const bytes = someBytes(10 * KiB)
      const url = await create(node, bytes.length)
      const hanging = await hang(node, url, 0, bytes.subarray(0, 6 * KiB), KiB)
      ground.pass(2 * HOUR)
      if (where === 'this node' || kind === 'disk') {
        assert.deepEqual(counts(await sweeper.holdfast.sweep()), { listed: 1, busy: 1 })
      }
      hanging.end(bytes.subarray(6 * KiB, 7 * KiB))
      assert.equal(await hanging.answer, 204)
      assert.deepEqual(counts(await sweeper.holdfast.sweep()), { listed: 1 })
      assert.equal(offsetOf(await head(url)), 7 * KiB)
      await send(url, 7 * KiB, bytes.subarray(7 * KiB))
      assert.equal(await contentOf(url), sha256(bytes))
    })
  }

  on(kind, 'what another server wrote is not touched', async (ground) => {
    const node = await ground.node({ abandonedAfter: 1, keepExpired: 0 })
    const { bucket, directory } = ground
    const record = { ID: 'tusd+mp', Size: 5, SizeIsDeferred: false, Offset: 0, MetaData: {}, IsPartial: false }
    const others: Record<string, string> = {
      'tusd.info': JSON.stringify({ ...record, Storage: { Type: 's3store', Bucket: BUCKET, Key: 'tusd' } }),
      'other.info': 'not even JSON',
      'others/app.info': '{"name":"something else"}',
      'with space.info': '{}',
    }
    if (bucket) {
      const put = (Key: string, Body: string, Metadata = {}) =>
        bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, Metadata }))
      for (const [key, text] of Object.entries(others)) await put(key, text)
      const begun = await bucket.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: 'node' }))
      await put('node.info', JSON.stringify({ id: 'node', size: 5, offset: 0 }), { 'upload-id': begun.UploadId! })
    } else {
      delete others['others/app.info']
      for (const [name, text] of Object.entries({ ...others, tusd: '' })) await writeFile(join(directory, name), text)
      await writeFile(join(directory, 'tusd.info'), JSON.stringify({ ...record, ID: 'tusd' }))
    }
    const all = async (): Promise<string[]> => (bucket ? await bucket.keys() : await readdir(directory))
    const before = await all()
    ground.pass(1_000 * HOUR)
    const { expired, failed, removed, problems } = await node.holdfast.sweep()
    assert.deepEqual([expired, failed, removed, problems], [0, 0, 0, 0])
    assert.deepEqual(await all(), before)
    if (bucket) assert.equal(await bucket.multiparts('node'), 1)
  })

  on(kind, 'an upload that went on between the look at it and its end is left alone', async (ground) => {
    const [store, other] = [ground.store(), ground.store()]
    const { id } = (
      await store.create({
        id: 'late',
        length: 100,
        metadata: {},
        metadataField: undefined,
        deadline: ground.now() + HOUR,
      })
    ).info
    ground.pass(2 * HOUR)
    const goOn = async (): Promise<void> => {
      const handle = await other.open(id)
      await handle.append(0, bodyOf([someBytes(10)], { end: 'disconnected' }), { deadline: () => ground.now() + HOUR })
    }
    async function* list(): AsyncIterable<ListedUpload> {
      for await (const entry of store.list!()) {
        const read = async () => {
          const info = await entry.read()
          await goOn()
          return info
        }
        yield { ...entry, read }
      }
    }
    const bound = { create: store.create.bind(store), open: store.open.bind(store), close: async () => undefined }
    const { abilities, maxObjectSize } = store
    const node = await ground.node({}, { abilities, maxObjectSize, ...bound, list })
    assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1, busy: 1 })
    assert.equal(offsetOf(await head(node.url + id)), 10)
  })

  on(kind, 'the server sweeps by itself until it is closed', async (ground) => {
    const lines: [object, string][] = []
    const log = (fields: object, message: string): void => void lines.push([fields, message])
    const logger = { debug: log, info: log, warn: log, error: log }
    const node = await ground.node({ expiresAfter: HOUR, sweepInterval: 20, logger })
    const url = await create(node, 10)
    ground.pass(2 * HOUR)
    const isSwept = async (): Promise<boolean> => (await ground.store().open(idOf(url))).info.state === 'failed'
    for (let tries = 0; !(await isSwept()); tries++) {
      assert.ok(tries < 200, 'in time')
      await sleep(20)
    }
    await sleep(50)
    const swept = lines.filter(([, message]) => message === 'swept')
    assert.ok(swept.some(([fields]) => 'expired' in fields && fields.expired === 1))
    await node.close()
    const { length } = lines
    await sleep(100)
    assert.equal(lines.length, length, 'nothing more after close')
  })
}

const refuse =
  (...operations: string[]): Intercept =>
  ({ operation }) =>
    operations.includes(operation) ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined

on(
  's3',
  'records of a deployment with the same prefix for records, and another one for objects, are its own',
  async (ground) => {
    const prefixes = { objectPrefix: 'in', metadataObjectPrefix: 'records' }
    const node = await ground.node({ expiresAfter: HOUR }, ground.store(prefixes))
    const theirs = await ground.node({ expiresAfter: HOUR }, ground.store({ ...prefixes, objectPrefix: 'elsewhere' }))
    await create(node, 10)
    const url = await create(theirs, 30 * KiB)
    await send(url, 0, someBytes(11 * KiB))
    ground.pass(2 * HOUR)
    assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 2, expired: 1 })
    assert.equal(await ground.bucket!.multiparts('elsewhere'), 1)
    assert.deepEqual(counts(await theirs.holdfast.sweep()), { listed: 2, expired: 1 })
    assert.equal(await ground.bucket!.multiparts('elsewhere'), 0)
  },
)

on('s3', 'a completing upload is completed', async (ground) => {
  const node = await ground.node()
  const bytes = someBytes(20 * KiB)
  const url = await create(node, bytes.length)
  const { bucket } = ground.bucket!
  bucket.intercept = ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { action: 'status', status: 500, code: 'InternalError' } : undefined
  assert.equal((await patch(url, 0, bytes)).status, 503)
  bucket.intercept = undefined
  assert.deepEqual(counts(await node.holdfast.sweep({ dryRun: true })), { listed: 1, completed: 1 })
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1, completed: 1 })
  assert.equal((await ground.bucket!.object(idOf(url))).sha256, sha256(bytes))
})

on('s3', 'what a completion could not remove is removed', async (ground) => {
  const node = await ground.node()
  const bytes = someBytes(3 * KiB)
  const url = await create(node, bytes.length)
  await send(url, 0, bytes.subarray(0, 1_000))
  const { bucket } = ground.bucket!
  bucket.intercept = ({ operation }) =>
    operation === 'DeleteObjects' ? { action: 'status', status: 500, code: 'InternalError' } : undefined
  await send(url, 1_000, bytes.subarray(1_000))
  bucket.intercept = undefined
  assert.ok((await ground.stored(idOf(url))).length > 2)
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1, tidied: 1 })
  assert.deepEqual(await ground.stored(idOf(url)), [idOf(url), `${idOf(url)}.info`])
})

on('s3', 'what a provider dropped past its announced end is found out', async (ground) => {
  const store = ground.store({ capabilities: { conditionalWrites: 'quoted', multipartExpiry: HOUR } })
  const node = await ground.node({}, store)
  const url = await create(node, 30 * KiB)
  await send(url, 0, someBytes(11 * KiB))
  ground.pass(2 * HOUR)
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1 }, 'it is still there')
  await ground.bucket!.abortMultiparts(idOf(url))
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1, failed: 1 })
  assert.equal((await head(url)).status, 410)
})

on('s3', 'records at their end are not read again as long as they are as they are', async (ground) => {
  const node = await ground.node({ expiresAfter: HOUR })
  const done = await create(node, 100)
  await send(done, 0, someBytes(100))
  await create(node, 100)
  ground.pass(2 * HOUR)
  const { requests } = ground.bucket!.bucket
  const swept = async (): Promise<Record<string, number>> => {
    requests.reset()
    await node.holdfast.sweep()
    return Object.fromEntries(requests)
  }
  await swept()
  // What was ended is looked at once more: a writer that did not know yet may have left something.
  assert.equal((await swept()).GetObject, 2)
  assert.deepEqual(await swept(), { ListObjectsV2: 1 })
  ground.pass(24 * HOUR)
  assert.equal((await swept()).GetObject, 2, 'until the record is to be removed')
  assert.deepEqual(await swept(), { ListObjectsV2: 1 })
})

on(
  's3',
  'without s3:ListBucket a sweep is refused, and says what is missing; by the clock, the log does',
  async (ground) => {
    const lines: string[] = []
    const ignore = (): void => undefined
    const logger = { debug: ignore, info: ignore, warn: (_: object, text: string) => lines.push(text), error: ignore }
    const node = await ground.node({ expiresAfter: HOUR, sweepInterval: 10, logger })
    ground.bucket!.bucket.intercept = refuse('ListObjectsV2')
    await assert.rejects(node.holdfast.sweep(), ({ code, message }: UploadError) => {
      assert.equal(code, 'ERR_STORE_REFUSED')
      assert.match(message, /s3:ListBucket/)
      return true
    })
    for (let tries = 0; lines.length === 0; tries++) {
      assert.ok(tries < 200, 'in time')
      await sleep(10)
    }
    assert.match(lines[0]!, /could not sweep: .*s3:ListBucket/)
    assert.equal((await head(await create(node, 10))).status, 200, 'and the server goes on')
  },
)

on('s3', 'without s3:ListBucketMultipartUploads all that records name is removed', async (ground) => {
  const node = await ground.node({ expiresAfter: HOUR })
  const url = await create(node, 30 * KiB)
  await send(url, 0, someBytes(11 * KiB))
  ground.bucket!.bucket.intercept = refuse('ListMultipartUploads')
  ground.pass(2 * HOUR)
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1, expired: 1 })
  ground.bucket!.bucket.intercept = undefined
  assert.deepEqual(await ground.stored(idOf(url)), [`${idOf(url)}.info`])
})

on('s3', 'a multipart upload that a crashed writer left, and no record names, goes with the upload', async (ground) => {
  const node = await ground.node({ expiresAfter: HOUR })
  const url = await create(node, 30 * KiB)
  const { client } = ground.bucket!
  await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: idOf(url) }))
  await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: `${idOf(url)}x` }))
  ground.pass(2 * HOUR)
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 1, expired: 1 })
  assert.equal(await ground.bucket!.multiparts(idOf(url)), 1, 'that of another key stays')
})

on('s3', 'what goes wrong with one upload is counted and told, and the others are swept', async (ground) => {
  const lines: object[] = []
  const ignore = (): void => undefined
  const logger = { debug: ignore, info: ignore, warn: (fields: object) => lines.push(fields), error: ignore }
  const node = await ground.node({ expiresAfter: HOUR, sweepInterval: 0, logger })
  const urls = [await create(node, 100), await create(node, 100), await create(node, 100)]
  ground.pass(2 * HOUR)
  const bad = idOf(urls[1]!)
  ground.bucket!.bucket.intercept = ({ operation, key }) =>
    operation === 'PutObject' && key.startsWith(bad)
      ? { action: 'status', status: 403, code: 'AccessDenied' }
      : undefined
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3, expired: 2, problems: 1 })
  assert.deepEqual(
    lines.map((line) => 'upload' in line && line.upload),
    [bad],
  )
  ground.bucket!.bucket.intercept = undefined
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 3, expired: 1 })
})

/** How the race ends depends on who commits first; never on both, and never with a byte that was acknowledged. */
for (const first of ['the writer', 'the sweep'] as const) {
  on(
    's3',
    `a writer on another node that commits while the sweep decides: ${first} is first and wins`,
    async (ground) => {
      const writer = await ground.node({ expiresAfter: HOUR })
      const sweeper = await ground.node({ expiresAfter: HOUR })
      const bytes = someBytes(10 * KiB)
      const url = await create(writer, bytes.length)
      await send(url, 0, bytes.subarray(0, KiB))
      const hanging = await hang(writer, url, KiB, bytes.subarray(KiB, 6 * KiB), KiB)
      ground.pass(2 * HOUR)
      const { bucket } = ground.bucket!
      let writes = 0
      // The first write of a record is late, by enough for the other one to have come before it.
      const delayed = new Promise<void>((resolve) => {
        bucket.intercept = ({ operation, key }) => {
          if (operation !== 'PutObject' || !key.endsWith('.info') || writes++ > 0) return undefined
          resolve()
          return { action: 'delay', ms: 400 }
        }
      })
      const end = (): void => hanging.end(bytes.subarray(6 * KiB, 7 * KiB))
      let sweeping: Promise<SweepReport> | undefined
      if (first === 'the writer') sweeping = sweeper.holdfast.sweep()
      else end()
      await delayed
      if (first === 'the writer') end()
      else sweeping = sweeper.holdfast.sweep()
      const [status, report] = await Promise.all([hanging.answer, sweeping!])
      bucket.intercept = undefined
      if (first === 'the writer') {
        assert.deepEqual([status, counts(report)], [204, { listed: 1, busy: 1 }])
        assert.equal(offsetOf(await head(url)), 7 * KiB)
        await send(url, 7 * KiB, bytes.subarray(7 * KiB))
        assert.equal(await contentOf(url), sha256(bytes))
      } else {
        assert.deepEqual([status, counts(report)], [409, { listed: 1, expired: 1 }])
        assert.equal((await head(url)).status, 410)
        assert.deepEqual(await ground.stored(idOf(url)), [`${idOf(url)}.info`])
      }
    },
  )
}

on('s3', 'with a locker, a writer on another node is not asked to yield', async (ground) => {
  const locker = new MemoryLocker()
  const writer = await ground.node({ expiresAfter: HOUR, locker })
  const sweeper = await ground.node({ expiresAfter: HOUR, locker })
  const bytes = someBytes(10 * KiB)
  const url = await create(writer, bytes.length)
  const hanging = await hang(writer, url, 0, bytes.subarray(0, 6 * KiB), KiB)
  ground.pass(2 * HOUR)
  assert.deepEqual(counts(await sweeper.holdfast.sweep()), { listed: 1, busy: 1 })
  hanging.end(bytes.subarray(6 * KiB, 7 * KiB))
  assert.equal(await hanging.answer, 204)
  assert.deepEqual(counts(await sweeper.holdfast.sweep()), { listed: 1 })
})

test('s3: a provider without conditional writes: all is swept under the lock', { timeout: 60_000 }, async (context) => {
  const ground = await openGround(context, 's3')
  const capabilities = { conditionalWrites: 'none', checksums: true, missingKey: 'absent' } as const
  const locker = new MemoryLocker()
  const store = ground.store({ capabilities })
  const node = await ground.node({ expiresAfter: HOUR, locker }, store)
  const bytes = someBytes(3 * KiB)
  const [expired, done] = [await create(node, 30 * KiB), await create(node, bytes.length)]
  await send(expired, 0, someBytes(11 * KiB))
  await send(done, 0, bytes.subarray(0, 1_000))
  const { bucket } = ground.bucket!
  bucket.intercept = ({ operation }) =>
    operation === 'DeleteObjects' ? { action: 'status', status: 500, code: 'InternalError' } : undefined
  await send(done, 1_000, bytes.subarray(1_000))
  bucket.intercept = undefined
  ground.pass(2 * HOUR)
  locker.acquired.length = 0
  assert.deepEqual(counts(await node.holdfast.sweep()), { listed: 2, expired: 1, tidied: 1 })
  assert.deepEqual([...locker.acquired].sort(), [idOf(expired), idOf(done)].sort())
  assert.deepEqual(await ground.stored(idOf(expired)), [`${idOf(expired)}.info`])
  assert.deepEqual(await ground.stored(idOf(done)), [idOf(done), `${idOf(done)}.info`])
})

on(
  's3',
  'a sweep that dies at any of its requests, before or after S3 did it, is gone on with by the next',
  async (ground) => {
    const node = await ground.node({ expiresAfter: HOUR, keepExpired: 10_000 * HOUR })
    const { bucket } = ground.bucket!
    let points = 0
    for (const done of [false, true]) {
      for (let at = 1, isOver = false; !isOver; at++) {
        const [url, stray] = [await create(node, 30 * KiB), await create(node, 30 * KiB)]
        await send(url, 0, someBytes(11 * KiB))
        await send(url, 11 * KiB, someBytes(2 * KiB))
        await ground.bucket!.client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: idOf(stray) }))
        ground.pass(2 * HOUR)
        const dying = await ground.node({ keepExpired: 10_000 * HOUR }, ground.store({ maxAttempts: 1 }))
        let requests = 0
        bucket.intercept = () => {
          requests++
          if (requests === at && done) return { action: 'reset-after' }
          return requests >= at ? { action: 'reset-before' } : undefined
        }
        await dying.holdfast.sweep().catch(() => undefined)
        bucket.intercept = undefined
        isOver = requests < at
        points++
        assert.equal((await head(url)).status, 410, 'no client is told anything else in between')
        const { problems } = await node.holdfast.sweep()
        assert.equal(problems, 0)
        for (const one of [url, stray]) assert.deepEqual(await ground.stored(idOf(one)), [`${idOf(one)}.info`])
        assert.equal((await head(url)).status, 410)
        await node.holdfast.sweep({ keepExpired: 0 })
        for (const one of [url, stray]) assert.deepEqual(await ground.stored(idOf(one)), [])
      }
    }
    assert.ok(points > 16, `${points} points`)
  },
)

on('s3', 'a sweep ends early when it is told to, or the server closes', async (ground) => {
  const node = await ground.node({ expiresAfter: HOUR })
  for (let upload = 0; upload < 40; upload++) await create(node, 10)
  ground.pass(2 * HOUR)
  ground.bucket!.bucket.intercept = ({ operation }) =>
    operation === 'PutObject' ? { action: 'delay', ms: 50 } : undefined
  const early = new AbortController()
  const sweeping = node.holdfast.sweep({ signal: early.signal })
  await sleep(60)
  early.abort()
  const report = await sweeping
  assert.ok(report.stopped && report.expired < 40, JSON.stringify(report))
  const closed = node.holdfast.sweep()
  await sleep(20)
  await node.close()
  const { stopped, problems } = await closed
  assert.deepEqual([stopped, problems], [true, 0])
})

test('a store that cannot list its uploads: a sweep says so, and an interval is refused', async (context) => {
  const ground = await openGround(context, 'disk')
  const full = ground.store()
  const abilities = { terminate: true, declareLength: true }
  const bare = { abilities, maxObjectSize: undefined, create: full.create.bind(full), open: full.open.bind(full) }
  const store = { ...bare, close: async () => undefined }
  const node = await ground.node({ expiresAfter: HOUR }, store)
  await assert.rejects(node.holdfast.sweep(), { code: 'ERR_NOT_IMPLEMENTED' })
  await assert.rejects(ground.node({ sweepInterval: 1_000 }, store), /sweepInterval: the store cannot list/)
})

for (const [option, value] of Object.entries({
  expiresAfter: 0,
  expiresFrom: 'now',
  sweepInterval: -1,
  keepExpired: Number.NaN,
  abandonedAfter: -5,
})) {
  test(`${option}: ${value} is refused by name`, async (context) => {
    const ground = await openGround(context, 'disk')
    await assert.rejects(ground.node({ [option]: value }), ({ code, message }: UploadError) => {
      assert.equal(code, 'ERR_INVALID_OPTIONS')
      assert.match(message, new RegExp(`^${option}: `))
      return true
    })
  })
}
