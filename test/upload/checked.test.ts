/** Stored bytes that have changed are not given out as the upload. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import { fetchHandler } from '../../src/http/fetch.js'
import { createServer, type Logger } from '../../src/server.js'
import type { UploadInfo } from '../../src/store/info.js'
import { checked } from '../../src/upload/checked.js'
import { head, openBucket, patch, post, someBytes, startNode, temporaryFolder } from '../support/stack.js'

const ONE = Buffer.from('123456789')
/** As everybody publishes it for these nine digits. */
const info = { crc32: 0xcbf43926 } as UploadInfo

async function* pieces(...all: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all
}

async function read(content: AsyncIterable<Uint8Array>): Promise<string> {
  const got: Uint8Array[] = []
  for await (const piece of content) got.push(piece)
  return Buffer.concat(got).toString()
}

test('what is as it was stored is given whole', async () => {
  const never = (): never => assert.fail('nothing is wrong')
  assert.equal(await read(checked(pieces(ONE.subarray(0, 4), ONE.subarray(4)), info, never)), '123456789')
  assert.equal(await read(checked(pieces(), { crc32: 0 } as UploadInfo, never)), '')
})

test('of what is not, the last piece is held back, and it is told', async () => {
  let told = 0
  const got: Uint8Array[] = []
  const content = checked(pieces(ONE.subarray(0, 4), Buffer.from('5678x')), info, () => void told++)
  const reading = async (): Promise<void> => {
    for await (const piece of content) got.push(piece)
  }
  await assert.rejects(reading, { code: 'ERR_STORE_CORRUPT' })
  assert.equal(Buffer.concat(got).toString(), '1234')
  assert.equal(told, 1)
})

test('whoever stops reading early ends the source', async () => {
  let ended = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield ONE
    } finally {
      ended = true
    }
  }
  for await (const _ of checked(source(), info, () => undefined)) break
  assert.ok(ended)
})

const warnings = (): { logger: Logger; told: string[] } => {
  const told: string[] = []
  const quiet = { debug: () => undefined, info: () => undefined, error: () => undefined }
  return { told, logger: { ...quiet, warn: (_, message) => void told.push(message) } }
}

test('a file that has changed on the disk: its download breaks off, a part of it is given', async (context) => {
  const folder = await temporaryFolder()
  context.after(folder.remove)
  const { logger, told } = warnings()
  const handle = fetchHandler(createServer({ store: new DiskStore({ directory: folder.path }), logger }))
  const bytes = someBytes(600_000)
  const headers = {
    'Tus-Resumable': '1.0.0',
    'Upload-Length': '600000',
    'Content-Type': 'application/offset+octet-stream',
  }
  const sent = { method: 'POST', headers: { ...headers, 'Content-Length': '600000' }, body: bytes }
  const created = await handle(new Request('http://127.0.0.1/files', sent))
  const url = created.headers.get('Location')!
  const get = async (fields: Record<string, string> = {}) => handle(new Request(url, { headers: fields }))
  assert.deepEqual(Buffer.from(await (await get()).arrayBuffer()), bytes)
  const path = join(folder.path, url.slice(url.lastIndexOf('/') + 1))
  const stored = readFileSync(path)
  stored[7]! ^= 1
  writeFileSync(path, stored)
  await assert.rejects((await get()).arrayBuffer())
  assert.deepEqual(told, ['the content is not what was stored; its download was broken off'])
  assert.equal((await (await get({ Range: 'bytes=0-9' })).arrayBuffer()).byteLength, 10)
})

for (const size of [1_000, 6 * 1024 * 1024]) {
  test(`an object of ${size} bytes that has changed in the bucket: its download breaks off`, async (context: TestContext) => {
    const bucket = await openBucket()
    const { logger, told } = warnings()
    const node = await startNode(bucket, {}, { logger })
    context.after(async () => {
      await node.close()
      await bucket.close()
    })
    const url = (await post(node, { 'Upload-Length': String(size) })).headers.get('Location')!
    bucket.bucket.intercept = ({ operation, key }) =>
      operation === 'PutObject' && !key.endsWith('.info') ? { action: 'corrupt' } : undefined
    assert.equal((await patch(url, 0, someBytes(size))).status, 204)
    assert.equal((await head(url)).status, 200, 'S3 verified it as it came, and nobody has read it since')
    await assert.rejects(async () => (await fetch(url)).arrayBuffer())
    assert.equal(told.length, 1)
  })
}
