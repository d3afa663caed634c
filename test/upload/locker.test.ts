import assert from 'node:assert/strict'
import http from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UploadError } from '../../src/errors.js'
import type { S3StoreOptions } from '../../src/s3/index.js'
import { decodeRecord } from '../../src/s3/record/codec.js'
import type { UploadRecord } from '../../src/s3/record/record.js'
import type { ServerOptions } from '../../src/server.js'
import type { Store } from '../../src/store/store.js'
import { noCounts } from '../../src/upload/counters.js'
import { HookCalls } from '../../src/upload/hook-calls.js'
import { observeAll } from '../../src/upload/observer.js'
import { Uploads } from '../../src/upload/uploads.js'
import { Writers } from '../../src/upload/writers.js'
import { MemoryLocker } from '../support/locker.js'
import {
  head,
  idOf,
  KNOWN,
  type Node,
  type OpenBucket,
  offsetOf,
  openBucket,
  PATCH_TYPE,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
  TUS,
} from '../support/stack.js'

const KiB = 1024
const SMALL: Partial<S3StoreOptions> = { minPartSize: KiB, preferredPartSize: 4 * KiB, maxObjectSize: 40 * 1024 * KiB }
const UNCONDITIONAL = { ...SMALL, capabilities: { ...KNOWN, conditionalWrites: 'none' } as const }

interface Stage {
  bucket: OpenBucket
  locker: MemoryLocker
  nodes: Node[]
}

/** Two nodes with one locker, over a bucket that ignores conditions. */
async function stage(context: TestContext, server: Partial<ServerOptions> = {}): Promise<Stage> {
  const bucket = await openBucket({ quirks: { conditions: 'ignored' }, minPartSize: KiB })
  const locker = new MemoryLocker()
  const nodes: Node[] = []
  context.after(async () => {
    for (const node of nodes) await node.close()
    await bucket.close()
  })
  for (const _ of [1, 2]) nodes.push(await startNode(bucket, UNCONDITIONAL, { locker, ...server }))
  return { bucket, locker, nodes }
}

async function create(node: Node, length: number): Promise<string> {
  const created = await post(node, { 'Upload-Length': String(length) })
  assert.equal(created.status, 201, await created.text())
  return idOf(created.headers.get('Location')!)
}

interface Hanging {
  answer: Promise<{ status: number; text: string; retryAfter: string | undefined }>
  send(bytes: Uint8Array): Promise<void>
}

/** A PATCH that says it will bring `length` bytes, and brings what `send` is given. */
function hang(url: string, offset: number, length: number): Hanging {
  const headers = { ...PATCH_TYPE, 'Upload-Offset': String(offset), 'Content-Length': String(length) }
  const request = http.request(url, { method: 'PATCH', headers })
  const answer = new Promise<Awaited<Hanging['answer']>>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more
      })
      const { statusCode = 0, headers } = response
      response.on('end', () => resolve({ status: statusCode, text, retryAfter: headers['retry-after'] }))
    })
  })
  request.flushHeaders()
  return {
    answer,
    send: (bytes) => new Promise((resolve) => request.write(bytes, () => resolve())),
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 500, 'in time')
    await sleep(10)
  }
}

async function recordOf(bucket: OpenBucket, id: string): Promise<UploadRecord> {
  return decodeRecord((await bucket.object(`${id}.info`)).bytes.toString())!
}

describe('writers and a locker', () => {
  const options = { timeout: 1_000 }

  test('the lock is taken after the place here and given back before it', async () => {
    const locker = new MemoryLocker()
    const writers = new Writers(locker)
    const order: string[] = []
    const work = async (name: string): Promise<void> => {
      await writers.exclusively('a', options.timeout, async ({ lease }) => {
        order.push(`${name} ${lease?.fence} ${locker.isHeld('a')}`)
      })
      order.push(`${name} done`)
    }
    await Promise.all([work('first'), work('second')])
    assert.deepEqual(
      order.filter((line) => !line.endsWith('done')),
      ['first 1 true', 'second 2 true'],
    )
    assert.equal(locker.isHeld('a'), false)
    assert.equal(writers.size, 0)
  })

  test('a locker that cannot give the lock leaves the place free', async () => {
    const locker = new MemoryLocker()
    const writers = new Writers(locker)
    locker.isAway = true
    const attempt = writers.exclusively('a', 100, async () => assert.fail('without the lock'))
    await assert.rejects(
      attempt,
      ({ code, status }: UploadError) => code === 'ERR_LOCKER_UNAVAILABLE' && status === 503,
    )
    locker.isAway = false
    assert.equal(await writers.exclusively('a', 100, async () => 'next'), 'next')
  })

  test('a locker whose release fails leaves the place free', async () => {
    const locker = new MemoryLocker()
    const writers = new Writers({
      acquire: async (id, how) =>
        Object.assign(await locker.acquire(id, how), { release: () => Promise.reject(new Error('away')) }),
    })
    assert.equal(await writers.exclusively('a', 100, async () => 'done'), 'done')
    assert.equal(writers.size, 0)
  })

  test('closing ends the wait for a lock, as a shutdown', async () => {
    const locker = new MemoryLocker()
    await locker.acquire('a', { timeout: 0, onReleaseRequested: () => undefined })
    const writers = new Writers(locker)
    const waiting = writers.exclusively('a', 60_000, async () => undefined)
    const refused = assert.rejects(waiting, ({ code }: UploadError) => code === 'ERR_SERVER_SHUTDOWN')
    assert.equal(await writers.close(1_000), true)
    await refused
  })
})

describe('two nodes with a locker, over a bucket without conditional writes', () => {
  test('a request on another node stops a hanging one, and what that had is kept', async (context) => {
    const { bucket, nodes } = await stage(context)
    const bytes = someBytes(20_000)
    const id = await create(nodes[0]!, bytes.length)
    const hanging = hang(nodes[0]!.url + id, 0, bytes.length)
    await hanging.send(bytes.subarray(0, 9_000))
    await sleep(50)
    const started = performance.now()
    const asked = await head(nodes[1]!.url + id)
    assert.equal(asked.status, 200)
    assert.equal(offsetOf(asked), 9_000)
    assert.ok(performance.now() - started < 2_000)
    assert.equal((await hanging.answer).status, 409)
    const rest = await patch(nodes[1]!.url + id, 9_000, bytes.subarray(9_000))
    assert.equal(rest.status, 204, await rest.text())
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('a holder on another node that does not yield in time: HEAD and PATCH are told 423', async (context) => {
    const { locker, nodes } = await stage(context, { yieldTimeout: 100 })
    const id = await create(nodes[0]!, 100)
    const lease = await locker.acquire(id, { timeout: 0, onReleaseRequested: () => undefined })
    assert.equal((await head(nodes[0]!.url + id)).status, 423)
    assert.equal((await patch(nodes[1]!.url + id, 0, someBytes(10))).status, 423)
    await lease.release()
    assert.equal((await head(nodes[0]!.url + id)).status, 200)
  })

  for (const told of [true, false]) {
    const how = told ? 'that is told of it' : 'whose timers are late'
    test(`a holder that lost its lease, ${how}, commits nothing after that`, async (context) => {
      const { bucket, locker, nodes } = await stage(context)
      const bytes = someBytes(30_000)
      const id = await create(nodes[0]!, bytes.length)
      assert.equal((await patch(nodes[0]!.url + id, 0, bytes.subarray(0, 1_000))).status, 204)
      const before = await recordOf(bucket, id)
      const late = hang(nodes[0]!.url + id, 1_000, bytes.length - 1_000)
      await late.send(bytes.subarray(1_000, 12_000))
      await until(() => locker.isHeld(id))
      await sleep(100)
      locker.lose(id, { told })
      if (!told) await late.send(bytes.subarray(12_000))
      const answer = await late.answer
      assert.equal(answer.status, 503, answer.text)
      assert.match(answer.text, /lock/)
      assert.equal(answer.retryAfter, '1')
      assert.deepEqual(await recordOf(bucket, id), before)
      assert.deepEqual(await bucket.keys(id), [`${id}.info`, `${id}.part`])
      const rest = await patch(nodes[1]!.url + id, 1_000, bytes.subarray(1_000))
      assert.equal(rest.status, 204, await rest.text())
      assert.equal((await bucket.object(id)).sha256, sha256(bytes))
    })
  }

  test('the lease is looked at once more between the look at the record and its write', async (context) => {
    const { bucket, locker, nodes } = await stage(context)
    const id = await create(nodes[0]!, 3_000)
    const before = await recordOf(bucket, id)
    bucket.bucket.intercept = ({ operation, key }) => {
      if (operation === 'HeadObject' && key === `${id}.info`) locker.lose(id, { told: false })
      return undefined
    }
    const refused = await patch(nodes[0]!.url + id, 0, someBytes(1_000))
    assert.equal(refused.status, 503)
    assert.match(await refused.text(), /lock/)
    assert.deepEqual(await recordOf(bucket, id), before)
  })

  test('a lease that is lost while the record is on its way: nothing more is sent, and the record tells what counts', async (context) => {
    const { bucket, locker, nodes } = await stage(context)
    const bytes = someBytes(3_000)
    const id = await create(nodes[0]!, bytes.length)
    let puts = 0
    bucket.bucket.intercept = ({ operation, key }) => {
      if (operation !== 'PutObject' || key !== `${id}.info`) return undefined
      if (puts++ === 0) locker.lose(id, { told: true })
      return { action: 'status', status: 503, code: 'SlowDown' }
    }
    const refused = await patch(nodes[0]!.url + id, 0, bytes.subarray(0, 1_000))
    assert.equal(refused.status, 503)
    assert.match(await refused.text(), /lock/)
    assert.equal(puts, 1)
    bucket.bucket.intercept = undefined
    assert.equal(offsetOf(await head(nodes[1]!.url + id)), 0)
  })

  test('a record that S3 does not take is given up when the time of a lost lease is up', async (context) => {
    const { bucket, locker, nodes } = await stage(context)
    const id = await create(nodes[0]!, 3_000)
    bucket.bucket.intercept = ({ operation, key }) => {
      if (operation !== 'PutObject' || key !== `${id}.info`) return undefined
      setTimeout(() => locker.lose(id, { told: true }), 100)
      return { action: 'hang' }
    }
    const started = performance.now()
    const refused = await patch(nodes[0]!.url + id, 0, someBytes(1_000))
    assert.equal(refused.status, 503)
    assert.match(await refused.text(), /lock/)
    assert.ok(performance.now() - started < 5_000, 'long before the time limit of a request')
  })

  test('a fencing token that is smaller than the one of the record does not commit', async (context) => {
    const { bucket, locker, nodes } = await stage(context)
    const id = await create(nodes[0]!, 100)
    const acquire = locker.acquire.bind(locker)
    locker.acquire = async (...all) => Object.assign(await acquire(...all), { fence: 50 })
    assert.equal((await patch(nodes[0]!.url + id, 0, someBytes(10))).status, 204)
    assert.equal((await recordOf(bucket, id)).fence, 50)
    locker.acquire = async (...all) => Object.assign(await acquire(...all), { fence: 49 })
    assert.equal((await patch(nodes[1]!.url + id, 10, someBytes(10))).status, 409)
    assert.equal((await recordOf(bucket, id)).offset, 10)
    locker.acquire = async (...all) => Object.assign(await acquire(...all), { fence: 51 })
    assert.equal((await patch(nodes[1]!.url + id, 10, someBytes(10))).status, 204)
    assert.equal((await recordOf(bucket, id)).fence, 51)
  })

  test('a locker that is away: 503 with Retry-After for what writes or is unfinished; what is finished is served', async (context) => {
    const { locker, nodes } = await stage(context)
    const bytes = someBytes(5_000)
    const open = await create(nodes[0]!, 100)
    const finished = await create(nodes[0]!, bytes.length)
    assert.equal((await patch(nodes[0]!.url + finished, 0, bytes)).status, 204)
    const locked = locker.acquired.length
    assert.equal((await head(nodes[1]!.url + finished)).status, 200)
    assert.equal(locker.acquired.length, locked)
    locker.isAway = true
    for (const answer of [await head(nodes[1]!.url + open), await patch(nodes[1]!.url + open, 0, someBytes(10))]) {
      assert.equal(answer.status, 503)
      assert.equal(answer.headers.get('Retry-After'), '1')
    }
    assert.equal((await head(nodes[1]!.url + finished)).status, 200)
    const content = await fetch(nodes[1]!.url + finished)
    assert.equal(sha256(new Uint8Array(await content.arrayBuffer())), sha256(bytes))
    assert.equal(locker.acquired.length, locked)
    locker.isAway = false
    assert.equal((await patch(nodes[1]!.url + open, 0, someBytes(10))).status, 204)
  })

  test('the lock of a finished completion is given back, and DELETE takes it', async (context) => {
    const { bucket, locker, nodes } = await stage(context)
    const id = await create(nodes[0]!, 0)
    assert.equal(locker.isHeld(id), false)
    const ended = await fetch(nodes[1]!.url + id, { method: 'DELETE', headers: TUS })
    assert.equal(ended.status, 204)
    assert.equal(locker.acquired.filter((one) => one === id).length, 2)
    assert.deepEqual(await bucket.keys(id), [])
  })
})

describe('the look at the store', () => {
  /** A store that is of no use but for what its `ready` says. */
  function uploadsOver(
    ready: Store['ready'],
    options: Partial<ConstructorParameters<typeof Uploads>[0]> = {},
  ): Uploads {
    const refuse = async (): Promise<never> => {
      throw new UploadError('ERR_UPLOAD_NOT_FOUND')
    }
    const abilities = { terminate: false, declareLength: false }
    const store = { abilities, maxObjectSize: undefined, create: refuse, open: refuse, close: async () => undefined }
    return new Uploads({
      store: ready ? { ...store, ready } : store,
      locker: undefined,
      singleProcess: false,
      maxSize: 100,
      yieldTimeout: 10,
      completionTimeout: 10,
      allowTermination: true,
      allowTerminationOfFinished: true,
      allowedMetadata: undefined,
      progressInterval: 1_000,
      calls: new HookCalls({ hooks: {}, timeout: 1_000, observer: observeAll([]) }),
      observer: observeAll([]),
      counters: noCounts(),
      allowDownload: true,
      allowConcatenation: true,
      maxConcatParts: 10,
      deletePartials: false,
      expiresAfter: undefined,
      expiresFrom: 'activity',
      keepExpired: 0,
      abandonedAfter: undefined,
      now: Date.now,
      warn: () => undefined,
      ...options,
    })
  }
  const read = (uploads: Uploads): Promise<unknown> =>
    uploads
      .run({ kind: 'read', id: 'a' }, { takeBody: () => assert.fail('no body') })
      .catch(({ code }: UploadError) => code)

  test('is awaited before the first command, tried again until it succeeded, and not after that', async () => {
    const looks: string[] = []
    const uploads = uploadsOver(async () => {
      looks.push('look')
      if (looks.length < 3) throw new UploadError('ERR_STORE_UNAVAILABLE')
    })
    assert.equal(await read(uploads), 'ERR_STORE_UNAVAILABLE')
    assert.equal(await read(uploads), 'ERR_STORE_UNAVAILABLE')
    assert.deepEqual(await Promise.all([read(uploads), read(uploads)]), [
      'ERR_UPLOAD_NOT_FOUND',
      'ERR_UPLOAD_NOT_FOUND',
    ])
    assert.equal(await read(uploads), 'ERR_UPLOAD_NOT_FOUND')
    assert.equal(looks.length, 3)
  })

  test('a store without one is not asked', async () => {
    assert.equal(await read(uploadsOver(undefined)), 'ERR_UPLOAD_NOT_FOUND')
  })

  for (const [options, exclusive] of [
    [{}, false],
    [{ singleProcess: true }, true],
    [{ locker: new MemoryLocker() }, true],
  ] as const) {
    test(`writers are kept apart with ${JSON.stringify(Object.keys(options))}: ${exclusive}`, async () => {
      const told: unknown[] = []
      await uploadsOver(async (guarantees) => void told.push(guarantees), options).ready()
      assert.deepEqual(told, [{ exclusive }])
    })
  }

  test('a provider without conditional writes serves one process that says so, and no other', async (context) => {
    const bucket = await openBucket({ quirks: { conditions: 'ignored' }, minPartSize: KiB })
    context.after(() => bucket.close())
    const refusing = await startNode(bucket, UNCONDITIONAL)
    context.after(() => refusing.close())
    await assert.rejects(
      refusing.holdfast.ready(),
      ({ code, message }: UploadError) => code === 'ERR_INVALID_OPTIONS' && /no conditional writes/.test(message),
    )
    assert.equal((await post(refusing, { 'Upload-Length': '1' })).status, 500)
    const serving = await startNode(bucket, UNCONDITIONAL, { singleProcess: true })
    context.after(() => serving.close())
    await serving.holdfast.ready()
    const bytes = someBytes(10_000)
    const id = await create(serving, bytes.length)
    assert.equal((await patch(serving.url + id, 0, bytes)).status, 204)
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('closing the server closes the locker', async () => {
    const locker = new MemoryLocker()
    const bucket = await openBucket()
    const node = await startNode(bucket, {}, { locker })
    await node.close()
    await bucket.close()
    assert.equal(locker.closed, 1)
  })
})
