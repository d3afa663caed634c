/** What is tusd's own: IDs of two halves, prefixes, concatenation. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { created, idIn, type Peer, send, tell } from '../test/support/peers.js'
import {
  BUCKET,
  head,
  type Node,
  type OpenBucket,
  openBucket,
  patch,
  sha256,
  someBytes,
  startNode,
  TUS,
} from '../test/support/stack.js'
import { type Major, startTusd, TUSD } from './tusd.js'

const MiB = 1024 * 1024

for (const major of [1, 2] as const satisfies Major[]) {
  describe(`tusd ${TUSD[major].version}`, () => {
    let bucket: OpenBucket
    let peer: Peer
    let node: Node
    before(async () => {
      bucket = await openBucket()
      peer = await startTusd(major, bucket, ['-s3-part-size', String(5 * MiB)])
      node = await startNode(bucket)
    })
    after(async () => {
      await node?.close()
      await peer?.stop()
      await bucket?.close()
    })

    const at = (id: string, on = node): string => on.url + encodeURIComponent(id)
    const recordOf = async (id: string): Promise<Record<string, unknown>> =>
      JSON.parse((await bucket.object(`${id.split('+')[0]}.info`)).bytes.toString())

    async function left(bytes: Uint8Array, sent: number, fields = {}): Promise<string> {
      const url = await created(peer, { 'Upload-Length': String(bytes.length), ...fields })
      assert.equal(await send(url, 0, bytes.subarray(0, sent)), 204)
      return url
    }

    test('an upload has its whole ID, and no other', async () => {
      const id = idIn(await left(someBytes(5000), 1000))
      const [objectId, multipartId] = id.split('+') as [string, string]
      assert.equal((await head(at(id))).status, 200)
      assert.equal((await head(node.url + id)).status, 200, 'with a plus sign that is not escaped')
      for (const other of [
        objectId,
        `${objectId}+`,
        `${objectId}+x`,
        `+${multipartId}`,
        `x+${multipartId}`,
        `${id}+x`,
      ]) {
        assert.equal((await head(at(other))).status, 404, other)
      }
      // After the first commit too.
      assert.equal((await patch(at(id), 1000, new Uint8Array(10))).status, 204)
      assert.equal((await recordOf(id)).ID, id)
      for (const other of [objectId, `${objectId}+x`]) assert.equal((await head(at(other))).status, 404, other)
      assert.equal(await tell(at(id)), 1010)
    })

    test('with the wrong prefix nothing is said to be gone', async () => {
      const url = await left(someBytes(3000), 3000)
      const id = idIn(url)
      const wrong = await startNode(bucket, { objectPrefix: 'elsewhere' })
      try {
        // As if the records had been moved, and the objects not.
        const { bytes } = await bucket.object(infoKey(id))
        const Key = `elsewhere/${infoKey(id)}`
        await bucket.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: bytes }))
        assert.equal((await head(at(id, wrong))).status, 500)
      } finally {
        await wrong.close()
      }
    })

    test('a final upload of large partial ones is an ordinary finished upload', () => isJoined(5 * MiB))
    test('a final upload of small partial ones is an ordinary finished upload', () => isJoined(1000))

    async function isJoined(size: number): Promise<void> {
      const halves = [someBytes(size), someBytes(size + 7)]
      const partial = { 'Upload-Concat': 'partial' }
      const urls = await Promise.all(halves.map((bytes) => left(bytes, bytes.length, partial)))
      const final = await created(peer, { 'Upload-Concat': `final;${urls.join(' ')}` })
      const id = idIn(final)
      const told = await head(at(id))
      assert.equal(told.status, 200)
      assert.equal(told.headers.get('Upload-Offset'), String(2 * size + 7))
      const got = await fetch(at(id))
      assert.equal(sha256(Buffer.from(await got.arrayBuffer())), sha256(Buffer.concat(halves)))
      assert.equal((await fetch(at(id), { method: 'DELETE', headers: TUS })).status, 204)
      const objectId = id.split('+')[0]!
      assert.deepEqual(await bucket.keys(objectId), [])
      assert.equal(await bucket.multiparts(objectId), 0)
      assert.equal((await head(at(idIn(urls[0]!)))).status, 200, 'the partial ones stay')
    }

    test('an unfinished partial upload goes on, and stays a partial one', async () => {
      const bytes = someBytes(6 * MiB)
      const id = idIn(await left(bytes, 5 * MiB + 10, { 'Upload-Concat': 'partial' }))
      assert.equal((await patch(at(id), 5 * MiB + 10, bytes.subarray(5 * MiB + 10))).status, 204)
      const { IsPartial, IsFinal, PartialUploads, Offset } = await recordOf(id)
      assert.deepEqual(
        { IsPartial, IsFinal, PartialUploads, Offset },
        {
          IsPartial: true,
          IsFinal: false,
          PartialUploads: null,
          Offset: bytes.length,
        },
      )
      assert.equal((await bucket.object(id.split('+')[0]!)).sha256, sha256(bytes))
    })
  })
}

const infoKey = (id: string): string => `${id.split('+')[0]}.info`
