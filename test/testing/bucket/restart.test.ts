import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startBucket } from '../../../src/testing/bucket/index.js'
import { presign } from '../../../src/testing/probe/signing.js'
import { connect, NAME, start, temporaryDirectory, text, upload } from './harness.js'

const CREDENTIALS = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'holdfast', secretAccessKey: 'holdfast-secret' },
}

describe('after a restart', () => {
  it('objects are as they were: bytes, description, tags, checksum and lifecycle', async () => {
    const directory = await temporaryDirectory()
    const first = await start(directory)
    const object = { Bucket: NAME, Key: 'ü/../key' }
    await first.s3.putObject({
      ...object,
      Body: 'kept',
      ContentType: 'a/b',
      Metadata: { m: '1' },
      Tagging: 't=2',
      ChecksumAlgorithm: 'SHA256',
    })
    await first.s3.putObject({ Bucket: NAME, Key: 'gone', Body: 'gone' })
    await first.s3.deleteObject({ Bucket: NAME, Key: 'gone' })
    const before = await first.s3.headObject({ ...object, ChecksumMode: 'ENABLED' })
    await first.bucket.close()

    const second = await start(directory)
    const { $metadata, ...after } = await second.s3.headObject({ ...object, ChecksumMode: 'ENABLED' })
    assert.deepEqual({ $metadata: before.$metadata, ...after }, before)
    assert.equal(await text(second.s3, object.Key), 'kept')
    const { Contents } = await second.s3.listObjectsV2({ Bucket: NAME })
    assert.deepEqual(
      Contents?.map(({ Key }) => Key),
      [object.Key],
    )
    assert.deepEqual((await second.s3.getObjectTagging(object)).TagSet, [{ Key: 't', Value: '2' }])
    await second.bucket.close()
  })

  it('an upload in progress has its parts, takes more and can be completed; and completed again after another', async () => {
    const directory = await temporaryDirectory()
    const first = await start(directory)
    const target = await upload(first.s3, 'key')
    const one = await first.s3.uploadPart({ ...target, PartNumber: 1, Body: 'first' })
    await first.s3.uploadPart({ ...target, PartNumber: 2, Body: 'old' })
    await first.bucket.close()

    const second = await start(directory)
    const { Parts } = await second.s3.listParts(target)
    assert.deepEqual(Parts?.map(({ PartNumber, ETag, Size }) => [PartNumber, ETag, Size])[0], [1, one.ETag, 5])
    const two = await second.s3.uploadPart({ ...target, PartNumber: 2, Body: ' and second' })
    const MultipartUpload = { Parts: [one, two].map(({ ETag }, at) => ({ ETag, PartNumber: at + 1 })) }
    const { ETag } = await second.s3.completeMultipartUpload({ ...target, MultipartUpload })
    await second.bucket.close()

    const third = await start(directory)
    assert.equal(await text(third.s3, 'key'), 'first and second')
    const head = await third.s3.headObject({ Bucket: NAME, Key: 'key' })
    assert.deepEqual([head.ContentType, head.Metadata, head.ETag], ['x/y', { a: 'b' }, ETag])
    assert.equal((await third.s3.completeMultipartUpload({ ...target, MultipartUpload })).ETag, ETag)
    assert.equal((await readdir(join(directory, 'blobs'))).length, 2)
    await third.bucket.close()
  })

  it('what a crash left behind is removed', async () => {
    const directory = await temporaryDirectory()
    const first = await start(directory)
    await first.s3.putObject({ Bucket: NAME, Key: 'key', Body: 'kept' })
    await first.bucket.close()
    await writeFile(join(directory, 'blobs', 'left-over'), 'half')
    await writeFile(join(directory, 'temporary', 'left-over'), '{')
    const second = await start(directory)
    assert.equal((await readdir(join(directory, 'blobs'))).length, 1)
    assert.deepEqual(await readdir(join(directory, 'temporary')), [])
    assert.equal(await text(second.s3, 'key'), 'kept')
    await second.bucket.close()
  })

  it('one directory is not taken by two servers', async () => {
    const directory = await temporaryDirectory()
    const { bucket } = await start(directory)
    await assert.rejects(startBucket({ directory }), /Another bucket server/)
    await bucket.close()
    await (await startBucket({ directory })).close()
  })
})

describe('killed with SIGKILL', () => {
  const script = fileURLToPath(new URL('./child.ts', import.meta.url))

  async function startChild(directory: string): Promise<{ child: ChildProcess; endpoint: string }> {
    const child = spawn(process.execPath, ['--import', 'tsx', script, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(child.stdout!, 'data')
    return { child, endpoint: String(line).trim() }
  }

  it('in the middle of a PUT over an object, it leaves the old object and nothing half', {
    timeout: 30_000,
  }, async () => {
    const directory = await temporaryDirectory()
    const { child, endpoint } = await startChild(directory)
    const s3 = connect({ endpoint, ...CREDENTIALS })
    await s3.putObject({ Bucket: NAME, Key: 'old', Body: 'old' })
    const target = await upload(s3, 'parts')
    const part = await s3.uploadPart({ ...target, PartNumber: 1, Body: 'acknowledged' })
    const partQuery: [string, string][] = [
      ['partNumber', '2'],
      ['uploadId', target.UploadId],
    ]
    const writes = [putHalf(endpoint, 'old', []), putHalf(endpoint, 'new', []), putHalf(endpoint, 'parts', partQuery)]
    await untilBlobsGrow(join(directory, 'blobs'), 4 * 1024 * 1024)
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.deepEqual(await Promise.all(writes), ['cut', 'cut', 'cut'])
    s3.destroy()

    const again = await start(directory)
    assert.equal(await text(again.s3, 'old'), 'old')
    await assert.rejects(again.s3.headObject({ Bucket: NAME, Key: 'new' }), { name: 'NotFound' })
    const { Parts } = await again.s3.listParts(target)
    assert.deepEqual(
      Parts?.map(({ PartNumber, ETag }) => [PartNumber, ETag]),
      [[1, part.ETag]],
    )
    assert.equal((await readdir(join(directory, 'blobs'))).length, 2, 'the halves are removed')
    await again.bucket.close()
  })

  /** Sends 3 of 100 MiB, and then waits for the end. */
  function putHalf(endpoint: string, key: string, extra: [string, string][]): Promise<string> {
    const unsigned = { method: 'PUT', host: new URL(endpoint).host, path: `/${NAME}/${key}`, query: extra, headers: {} }
    const query = new URLSearchParams(presign(unsigned, CREDENTIALS, 60))
    return new Promise((resolve) => {
      const put = request(`${endpoint}${unsigned.path}?${query}`, {
        method: 'PUT',
        headers: { 'content-length': 100 * 1024 * 1024 },
      })
      put.on('response', (response) => resolve(`answered ${response.statusCode}`))
      put.on('error', () => resolve('cut'))
      put.write(Buffer.alloc(3 * 1024 * 1024, 'x'))
    })
  }

  /** Until that much of the bodies under way is on disk. */
  async function untilBlobsGrow(blobs: string, bytes: number): Promise<void> {
    for (;;) {
      const sizes = await Promise.all((await readdir(blobs)).map(async (name) => (await stat(join(blobs, name))).size))
      if (sizes.reduce((sum, size) => sum + size, 0) >= bytes) return
      await sleep(20)
    }
  }
})
