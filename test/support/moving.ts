/**
 * What must be true of uploads that a peer left in a bucket, once Holdfast serves it.
 * @module
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { S3StoreOptions } from '../../src/s3/index.js'
import type { Quirks } from '../../src/testing/bucket/index.js'
import { metadataOf } from './metadata.js'
import {
  ABORTED,
  created,
  FINISHED,
  idIn,
  type Left,
  METADATA,
  objectOf,
  type Peer,
  type Sizes,
  type State,
  send,
  tell,
  UNCOMPLETED,
  UNFINISHED,
} from './peers.js'
import { head, type Node, type OpenBucket, openBucket, patch, sha256, startNode, TUS } from './stack.js'

export interface Mover {
  name: string
  sizes: Sizes
  start(bucket: OpenBucket): Promise<Peer>
  /** As the peer has them. */
  prefixes?: Pick<S3StoreOptions, 'objectPrefix' | 'metadataObjectPrefix'>
  /** How the bucket differs from S3. */
  quirks?: Quirks
  /** It sends one part after the other, so that it leaves no holes. */
  inOrder?: boolean
}

/** Starts the peer, leaves each upload, stops the peer, and looks at them by Holdfast over the same bucket. */
export function describeMoving(
  { name, sizes, start, prefixes = {}, quirks = {}, inOrder = false }: Mover,
  only?: RegExp,
): void {
  describe(`from ${name}`, () => {
    let bucket: OpenBucket
    let node: Node
    const left = new Map<string, Left>()
    let terminated = ''
    const chosen = (states: State[]): State[] =>
      states.filter(([state]) => (only?.test(state) ?? true) && !(inOrder && state.startsWith('a hole')))

    before(async () => {
      bucket = await openBucket({ minPartSize: sizes.minPart, quirks })
      const peer = await start(bucket)
      try {
        for (const [state, leave] of chosen([...UNFINISHED, ...FINISHED, UNCOMPLETED, ABORTED])) {
          left.set(state, await leave(peer, bucket, sizes))
        }
        const url = await created(peer, { 'Upload-Length': '5000' })
        await send(url, 0, new Uint8Array(1000))
        assert.equal((await fetch(url, { method: 'DELETE', headers: TUS })).status, 204)
        terminated = idIn(url)
      } finally {
        await peer.stop()
      }
      node = await startNode(bucket, {
        ...prefixes,
        minPartSize: sizes.minPart,
        preferredPartSize: sizes.part + 1024,
        commitInterval: 1,
      })
    })
    after(async () => {
      await node?.close()
      await bucket?.close()
    })

    const urlOf = (id: string): string => node.url + encodeURIComponent(id)

    /** The object is what was sent, beside it stands the record alone, and after DELETE nothing. */
    async function isWhole({ id, bytes }: Left): Promise<void> {
      const objectId = objectOf(id)
      const told = await head(urlOf(id))
      assert.equal(told.status, 200)
      assert.equal(told.headers.get('Upload-Offset'), String(bytes.length))
      assert.equal(told.headers.get('Upload-Length'), String(bytes.length))
      const got = await fetch(urlOf(id))
      assert.equal(got.status, 200)
      assert.equal(sha256(Buffer.from(await got.arrayBuffer())), sha256(bytes))
      if (bytes.length > 100) {
        const part = await fetch(urlOf(id), { headers: { Range: 'bytes=10-99' } })
        assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 100))
      }
      const mine = (await bucket.keys()).filter((key) => key.includes(objectId))
      const { objectPrefix = '', metadataObjectPrefix = objectPrefix } = prefixes
      assert.deepEqual(mine.sort(), [`${objectPrefix}${objectId}`, `${metadataObjectPrefix}${objectId}.info`].sort())
      assert.equal(await bucket.multiparts(`${objectPrefix}${objectId}`), 0)
      assert.equal((await fetch(urlOf(id), { method: 'DELETE', headers: TUS })).status, 204)
      assert.deepEqual(
        (await bucket.keys()).filter((key) => key.includes(objectId)),
        [],
      )
      assert.equal((await head(urlOf(id))).status, 404)
    }

    for (const [state] of chosen(UNFINISHED)) {
      test(`unfinished, ${state}: it goes on where its contiguous bytes end`, async () => {
        const upload = left.get(state)!
        const { id, bytes, offset, told } = upload
        if (!state.startsWith('a hole')) assert.equal(offset, told, 'the client goes on where it was')
        const first = await head(urlOf(id))
        assert.equal(first.status, 200)
        assert.equal(first.headers.get('Upload-Offset'), String(offset))
        assert.deepEqual(metadataOf(first), METADATA)
        const deferred = first.headers.get('Upload-Defer-Length') === '1'
        if (!deferred) assert.equal(first.headers.get('Upload-Length'), String(bytes.length))
        // In two requests, so that the second one finds the record that the first one committed.
        const middle = offset + Math.floor((bytes.length - offset) / 2)
        const half = await patch(urlOf(id), offset, bytes.subarray(offset, middle))
        assert.equal(half.status, 204, await half.text())
        assert.equal(await tell(urlOf(id)), middle)
        const length = deferred ? { 'Upload-Length': String(bytes.length) } : {}
        const rest = await patch(urlOf(id), middle, bytes.subarray(middle), length)
        assert.equal(rest.status, 204, await rest.text())
        await isWhole(upload)
      })
    }
    for (const [state] of chosen([...FINISHED, UNCOMPLETED])) {
      test(`finished, ${state}: HEAD, GET and DELETE`, () => isWhole(left.get(state)!))
    }
    for (const [state] of chosen([ABORTED])) {
      test(`${state}: 410 and never "complete"`, async () => {
        const { id } = left.get(state)!
        assert.equal((await head(urlOf(id))).status, 410)
        assert.equal((await fetch(urlOf(id))).status, 410)
        assert.equal((await patch(urlOf(id), 0, new Uint8Array(5))).status, 410)
        assert.equal((await fetch(urlOf(id), { method: 'DELETE', headers: TUS })).status, 204)
        assert.deepEqual(
          (await bucket.keys()).filter((key) => key.includes(objectOf(id))),
          [],
        )
      })
    }
    test('terminated there: 404', async () => {
      assert.equal((await head(urlOf(terminated))).status, 404)
    })
  })
}
