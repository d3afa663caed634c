/** tus-js-client in each protocol that it speaks: both stores, each way to begin, stopped, on several nodes, killed. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import { nodeHandler } from '../../src/http/node.js'
import { createServer } from '../../src/server.js'
import { temporaryFolder as commandFolder } from '../cli/command.js'
import { MortalServer, s3Args, s3Environment } from '../support/mortal-server.js'
import { idOf, openBucket, sha256, someBytes, startNode, temporaryFolder } from '../support/stack.js'
import { alternating, type Options, upload } from '../support/tus-js-client.js'

const MiB = 1024 * 1024
const METADATA = { filename: 'Grüße 你好.mp4', filetype: 'video/mp4' }

const PROTOCOLS = ['tus-v1', 'ietf-draft-03', 'ietf-draft-05'] as const

/** A place for uploads, and what came of them. */
interface Place {
  url: string
  /** Another node of the same store; the disk store is one process here. */
  others: string[]
  /** SHA-256 of what is stored, read past Holdfast. */
  stored(url: string): Promise<string>
  close(): Promise<void>
}

async function inBucket(): Promise<Place> {
  const bucket = await openBucket()
  const nodes = [
    await startNode(bucket, { preferredPartSize: 5 * MiB }),
    await startNode(bucket, { preferredPartSize: 5 * MiB }),
  ]
  return {
    url: nodes[0]!.url,
    others: [nodes[1]!.url],
    stored: async (url) => (await bucket.object(idOf(url))).sha256,
    async close() {
      for (const node of nodes) await node.close()
      await bucket.close()
    },
  }
}

async function inFolder(): Promise<Place> {
  const folder = await temporaryFolder()
  const holdfasts = [1, 2].map(() => createServer({ store: new DiskStore({ directory: folder.path }) }))
  const servers = holdfasts.map((holdfast) => http.createServer(nodeHandler(holdfast)).listen(0, '127.0.0.1'))
  for (const server of servers) if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/`)
  return {
    url: urls[0]!,
    others: urls.slice(1),
    stored: async (url) => sha256(await readFile(join(folder.path, idOf(url)))),
    async close() {
      for (const holdfast of holdfasts) await holdfast.close()
      for (const server of servers) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      await folder.remove()
    },
  }
}

const WAYS: [name: string, options: Options][] = [
  ['one request after the creation', {}],
  ['one request, the creation', { uploadDataDuringCreation: true }],
  ['chunks of 3 MiB', { chunkSize: 3 * MiB }],
  ['chunks of 3 MiB, the first with the creation', { chunkSize: 3 * MiB, uploadDataDuringCreation: true }],
  ['a length that is told with the last byte', { uploadLengthDeferred: true }],
  ['such a length, in chunks of 3 MiB', { uploadLengthDeferred: true, chunkSize: 3 * MiB }],
  ['PATCH sent as POST', { overridePatchMethod: true, chunkSize: 3 * MiB }],
]

for (const protocol of PROTOCOLS) {
  for (const [store, open] of [
    ['S3', inBucket],
    ['disk', inFolder],
  ] as const) {
    describe(`tus-js-client, ${protocol}, ${store}`, () => {
      let place: Place
      before(async () => {
        place = await open()
      })
      after(() => place.close())
      const options = (more: Options = {}): Options => ({
        endpoint: place.url,
        metadata: METADATA,
        protocol,
        ...more,
      })
      /** Stored as sent, and read back with its name and type. */
      const isWhole = async (url: string, bytes: Buffer): Promise<void> => {
        assert.equal(await place.stored(url), sha256(bytes))
        const read = await fetch(url)
        assert.equal(sha256(new Uint8Array(await read.arrayBuffer())), sha256(bytes))
        assert.equal(read.headers.get('Content-Type'), 'video/mp4')
        assert.match(read.headers.get('Content-Disposition') ?? '', /filename\*=UTF-8''Gr%C3%BC%C3%9Fe%20%E4%BD%A0/)
      }

      for (const [name, way] of WAYS) {
        // The draft has no other name for PATCH.
        if (way.overridePatchMethod && protocol !== 'tus-v1') continue
        for (const size of [1_000, 6 * MiB + 17]) {
          test(`${name}: ${size} bytes`, async () => {
            const bytes = someBytes(size)
            await isWhole((await upload(bytes, options(way))).url, bytes)
          })
        }
      }

      for (const uploadDataDuringCreation of [false, true]) {
        test(`an empty file${uploadDataDuringCreation ? ', sent with the creation' : ''}`, async () => {
          const { url } = await upload(Buffer.alloc(0), options({ uploadDataDuringCreation }))
          await isWhole(url, Buffer.alloc(0))
        })
        test(`stopped three times in the middle of a request${uploadDataDuringCreation ? ', first of the creation' : ''}`, async () => {
          const bytes = someBytes(12 * MiB + 5)
          const stops = [3 * MiB, 7 * MiB, 11 * MiB]
          // A creation that is cut has given no Location to go on from: the client begins anew.
          const chunkSize = uploadDataDuringCreation ? 4 * MiB : Number.POSITIVE_INFINITY
          const { url, offsets } = await upload(bytes, options({ uploadDataDuringCreation, chunkSize }), stops)
          await isWhole(url, bytes)
          // Not each time: a request that had not begun to be stored leaves nothing.
          assert.ok(Math.max(...offsets) > 0, `went on from ${offsets}`)
        })
      }

      test('each chunk goes to another node', async () => {
        const bytes = someBytes(6 * MiB + 17)
        const httpStack = alternating([place.url, ...place.others])
        const { url, methods } = await upload(bytes, options({ httpStack, chunkSize: MiB }))
        assert.equal(methods.length, 8)
        await isWhole(url, bytes)
      })

      // The node that was left behind may still commit what it had: then the other one answers 409, and the client asks again.
      test('stopped in the middle of a request, and resumed on another node', async () => {
        const bytes = someBytes(12 * MiB + 5)
        const httpStack = alternating([place.url, ...place.others])
        const retryDelays = [50, 100, 200, 400, 800]
        const { url, methods } = await upload(bytes, options({ httpStack, retryDelays }), [4 * MiB, 9 * MiB])
        assert.ok(methods.filter((method) => method === 'HEAD').length >= 2, methods.join())
        await isWhole(url, bytes)
      })
    })
  }

  for (const store of ['S3', 'disk'] as const) {
    test(`tus-js-client, ${protocol}, ${store}: the server is killed twice, the object is the file`, async (context) => {
      const folder = commandFolder(context)
      const bucket = await openBucket()
      context.after(() => bucket.close())
      const args = store === 'S3' ? s3Args(bucket.bucket) : ['--upload-dir', folder]
      const server = new MortalServer(context, ['serve', ...args], store === 'S3' ? s3Environment(bucket.bucket) : {})
      await server.start()
      const bytes = someBytes(8 * MiB + 5)
      const { url, methods } = await upload(bytes, {
        endpoint: server.url,
        protocol,
        metadata: METADATA,
        chunkSize: MiB,
        retryDelays: [100, 200, 400, 800, 800, 800, 800],
        onChunkComplete: (_, accepted) => {
          if (accepted === 3 * MiB || accepted === 6 * MiB) void server.killAndRestart()
        },
      })
      assert.equal(server.deaths, 2)
      assert.ok(methods.includes('HEAD'), methods.join())
      const stored = store === 'S3' ? (await bucket.object(idOf(url))).bytes : await readFile(join(folder, idOf(url)))
      assert.equal(sha256(stored), sha256(bytes))
    })
  }
}
