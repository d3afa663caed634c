/**
 * Objects as they are asked for (docs/objects.md), on one server: under a key of their own, with headers, metadata and tags;
 * replaced, copied, moved, and read by a URL.
 * @module
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { GetObjectTaggingCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { S3Store } from '../src/s3/index.js'
import { bodyOf } from '../src/testing/index.js'
import { sha256, someBytes } from '../test/support/bucket.js'
import { type Bench, PART } from './bench.js'
import { KNOWN, type RunningServer } from './servers/index.js'

const OBJECT = {
  contentType: 'application/pdf',
  contentDisposition: 'attachment; filename="Übung 1.pdf"',
  contentLanguage: 'de',
  cacheControl: 'private, max-age=60',
  metadata: { title: 'x' },
}
const TAGS = { team: 'a b', 'cost/center': 'x+y=z' }

export function objects(server: RunningServer, bench: Bench): void {
  const differs = new Set([...KNOWN[server.name].differs, ...(KNOWN[server.name].wavers ?? [])])
  const tags = differs.has('tagging-encoded') ? { team: 'a' } : TAGS
  const object = differs.has('tagging') ? OBJECT : { ...OBJECT, tags }
  /** A copy with other headers has no tags there. */
  const losesTags = differs.has('copy-replaces')
  describe('objects as they are asked for', () => {
    let store: S3Store
    let client: S3Client
    before(async () => {
      store = await bench.openStore()
      client = server.client()
    })
    after(async () => {
      await store?.close()
      client?.destroy()
    })
    const Bucket = server.bucket
    let count = 0
    const upload = async (bytes: Buffer, key: string) => {
      const id = `object-${server.name}-${++count}`
      const handle = await store.create({
        id,
        length: bytes.length,
        metadata: {},
        metadataField: undefined,
        key,
        object,
      })
      await handle.append(0, bodyOf([bytes]))
      assert.equal(handle.info.state, 'complete')
      return handle
    }
    const mustHaveAll = async (Key: string, hasTags = true): Promise<void> => {
      const head = await client.send(new HeadObjectCommand({ Bucket, Key }))
      assert.equal(head.ContentType, OBJECT.contentType)
      assert.equal(head.ContentDisposition, `attachment; filename="?bung 1.pdf"; filename*=UTF-8''%C3%9Cbung%201.pdf`)
      assert.equal(head.ContentLanguage, OBJECT.contentLanguage)
      assert.equal(head.CacheControl, OBJECT.cacheControl)
      assert.equal(head.Metadata?.title, 'x')
      if (object === OBJECT || !hasTags) return
      const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket, Key }))
      assert.deepEqual(Object.fromEntries(TagSet!.map((tag) => [tag.Key, tag.Value])), tags)
    }

    for (const size of [1000, PART + 1000]) {
      const all = `objects/Ärger & mehr/日本 #${size}?%.pdf`

      test(`${size} bytes: under its key, with headers, metadata and tags`, async () => {
        const bytes = someBytes(size)
        const { info } = await upload(bytes, all)
        assert.equal(info.storage.Key, all)
        assert.equal(await bench.sha256Of(all), sha256(bytes))
        await mustHaveAll(all, size < PART || !differs.has('complete-tagging'))
      })

      test(`${size} bytes: what is complete replaces what is there; what is not leaves it alone`, async () => {
        await client.send(new PutObjectCommand({ Bucket, Key: `${all} 2`, Body: 'other' }))
        const id = `object-${server.name}-ended-${size}`
        const one = { id, length: size, metadata: {}, metadataField: undefined, key: `${all} 2` }
        const ended = await store.create(one)
        await ended.append(0, bodyOf([someBytes(size - 1)]))
        await ended.terminate()
        // There is a server where the abortion of a multipart upload removes the object of its key.
        if (!differs.has('abort-object')) {
          assert.equal(await bench.sha256Of(`${all} 2`), sha256(Buffer.from('other')))
        }
        const bytes = someBytes(size)
        const handle = await upload(bytes, `${all} 2`)
        assert.equal(await bench.sha256Of(`${all} 2`), sha256(bytes))
        await handle.terminate()
        await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: `${all} 2` })))
      })

      test(`${size} bytes: read by a URL, with the type and the name that it carries`, async () => {
        const bytes = someBytes(size)
        const handle = await upload(bytes, `${all} 3`)
        const contentDisposition = `inline; filename="a"; filename*=UTF-8''%C3%A4`
        const url = await handle.presign!({ expiresIn: 60_000, contentType: 'text/plain', contentDisposition })
        const answer = await fetch(url)
        assert.equal(answer.status, 200)
        assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), sha256(bytes))
        assert.equal(answer.headers.get('Content-Type'), 'text/plain')
        assert.equal(answer.headers.get('Content-Disposition'), contentDisposition)
      })

      test(`${size} bytes: copied and moved, with all that it has`, async () => {
        const bytes = someBytes(size)
        // Ceph 16 ends at a copy of a part whose source has some of these characters.
        const key = server.name === 'ceph' ? `objects/copied ${size}` : `${all} copied`
        const { info } = await upload(bytes, `${key} 4`)
        await store.copyObject(info.id, { key: `${key} 5` })
        assert.equal(await bench.sha256Of(`${key} 5`), sha256(bytes))
        await mustHaveAll(`${key} 5`, !losesTags)
        await store.moveUpload(info.id, { key: `${key} 6`, multipartFrom: PART })
        assert.equal(await bench.sha256Of(`${key} 6`), sha256(bytes))
        await mustHaveAll(`${key} 6`, !losesTags)
        await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: `${key} 4` })))
        await store.moveUpload(info.id, { key: `${key} 6` })
      })
    }
  })
}
