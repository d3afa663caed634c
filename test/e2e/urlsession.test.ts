/**
 * What Apple's URLSession sends with an upload task, as traces of it show: the whole body in one request, on each system
 * that speaks the draft; all fields of the application again on every request; resumed by HEAD and PATCH.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DiskStore } from '../../src/disk/index.js'
import { nodeHandler } from '../../src/http/node.js'
import { createServer } from '../../src/server.js'
import { afterwards } from '../cli/command.js'
import { idOf, openBucket, sha256, someBytes, startNode, temporaryFolder } from '../support/stack.js'

const MiB = 1024 * 1024

interface System {
  name: string
  /** Interop version. */
  version: number
  userAgent: string
  /** Of an upload that this request brings to its end. */
  whole: Record<string, string>
  /** Of the PATCH; older systems repeat the type of the file. */
  patchType: string | undefined
}

const SYSTEMS: System[] = [
  {
    name: 'iOS 17',
    version: 3,
    userAgent: 'Camera/1 CFNetwork/1485 Darwin/23.1.0',
    whole: { 'Upload-Incomplete': '?0' },
    patchType: undefined,
  },
  {
    name: 'iOS 18.0',
    version: 5,
    userAgent: 'Camera/1 CFNetwork/1568.100.1 Darwin/24.0.0',
    whole: { 'Upload-Complete': '?1' },
    patchType: undefined,
  },
  {
    name: 'iOS 18.1 and later',
    version: 6,
    userAgent: 'Camera/1 CFNetwork/3826.400.120 Darwin/24.3.0',
    whole: { 'Upload-Complete': '?1' },
    patchType: 'application/partial-upload',
  },
]

interface Server {
  url: string
  stored(url: string): Promise<string>
}

async function inBucket(context: TestContext): Promise<Server> {
  const bucket = await openBucket()
  afterwards(context, () => bucket.close())
  const node = await startNode(bucket, { preferredPartSize: 5 * MiB })
  afterwards(context, () => node.close())
  return { url: node.url, stored: async (url) => (await bucket.object(idOf(url))).sha256 }
}

async function inFolder(context: TestContext): Promise<Server> {
  const folder = await temporaryFolder()
  afterwards(context, () => folder.remove())
  const holdfast = createServer({ store: new DiskStore({ directory: folder.path }) })
  const server = http.createServer(nodeHandler(holdfast))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  afterwards(context, async () => {
    await holdfast.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/`
  return { url, stored: async (to) => sha256(await readFile(join(folder.path, idOf(to)))) }
}

interface Answer {
  status: number
  fields: http.IncomingHttpHeaders
  /** Where 104 said the upload is. */
  location: string | undefined
}

/**
 * One request.
 * @param cutAt bytes of the body after which the connection breaks, once a 104 has come; then there is no answer
 */
function send(
  url: string,
  method: string,
  fields: Record<string, string | number>,
  body: Buffer,
  cutAt?: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers: { ...fields, 'Content-Length': body.length }, agent: false })
    let location: string | undefined
    const cut = (): void => {
      if (cutAt === undefined) return
      request.destroy()
      resolve({ status: 0, fields: {}, location })
    }
    request.on('information', ({ statusCode, headers }) => {
      if (statusCode === 104) location ??= headers.location
    })
    request.on('response', (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode!, fields: response.headers, location }))
    })
    request.on('error', (error) => (cutAt === undefined ? reject(error) : undefined))
    // The connection breaks a while after what was sent last.
    if (cutAt === undefined) request.end(body)
    else request.write(body.subarray(0, cutAt), () => setTimeout(cut, 300))
  })
}

for (const system of SYSTEMS) {
  for (const [store, open] of [
    ['S3', inBucket],
    ['disk', inFolder],
  ] as const) {
    const start = async (context: TestContext, size: number) => {
      const server = await open(context)
      const bytes = someBytes(size)
      /** What the application set, and what the system adds to each of its requests. */
      const always = {
        'User-Agent': system.userAgent,
        Accept: '*/*',
        'Accept-Language': 'de-DE,de;q=0.9',
        'Accept-Encoding': 'gzip, deflate',
        Authorization: 'Bearer of-the-app',
        Cookie: 'session=1',
        'X-Asset-Id': '7C1F0F0B-0001',
        'Content-Type': 'video/mp4',
        'Content-Disposition': "inline; filename*=UTF-8''Gr%C3%BC%C3%9Fe.mp4",
        'Repr-Digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`,
        'Upload-Draft-Interop-Version': String(system.version),
      }
      const create = (cutAt?: number): Promise<Answer> =>
        send(server.url, 'POST', { ...always, ...system.whole }, bytes, cutAt)
      const offsetAt = async (url: string): Promise<Answer & { offset: number }> => {
        const told = await send(url, 'HEAD', always, Buffer.alloc(0))
        return { ...told, offset: Number(told.fields['upload-offset']) }
      }
      const append = (url: string, offset: number, cutAt?: number): Promise<Answer> => {
        const type = system.patchType === undefined ? {} : { 'Content-Type': system.patchType }
        const fields = { ...always, ...system.whole, ...type, 'Upload-Offset': String(offset) }
        return send(url, 'PATCH', fields, bytes.subarray(offset), cutAt)
      }
      const isWhole = async (url: string): Promise<void> => {
        assert.equal(await server.stored(url), sha256(bytes))
        const read = await fetch(url)
        await read.body?.cancel()
        assert.equal(read.headers.get('Content-Type'), 'video/mp4')
        assert.match(read.headers.get('Content-Disposition') ?? '', /filename\*=UTF-8''Gr%C3%BC%C3%9Fe\.mp4/)
      }
      return { create, offsetAt, append, isWhole }
    }
    const title = `URLSession, ${system.name}, ${store}`

    for (const size of [0, 1_000, 12 * MiB + 3]) {
      test(`${title}: one upload task of ${size} bytes`, async (context) => {
        const { create, isWhole } = await start(context, size)
        const { status, fields, location } = await create()
        assert.equal(status, 201)
        assert.equal(
          fields[system.version === 3 ? 'upload-incomplete' : 'upload-complete'],
          system.version === 3 ? '?0' : '?1',
        )
        // An empty body has come before anything could be told of it.
        if (size > 0) assert.equal(location, fields.location)
        await isWhole(fields.location!)
      })
    }

    test(`${title}: the connection breaks three times; HEAD and PATCH go on`, async (context) => {
      const { create, offsetAt, append, isWhole } = await start(context, 16 * MiB + 3)
      const { location: url } = await create(3 * MiB)
      assert.ok(url, '104 told where the upload is')
      const offsets: number[] = []
      for (const part of [6 * MiB, 2 * MiB]) {
        const { status, offset } = await offsetAt(url)
        assert.equal(status, 204)
        offsets.push(offset)
        assert.equal((await append(url, offset, part)).status, 0)
      }
      const { offset } = await offsetAt(url)
      assert.ok(offset > 0 && offset >= offsets[1]! && offsets[1]! >= offsets[0]!, `${[...offsets, offset]}`)
      assert.equal((await append(url, offset)).status, 201)
      const after = await offsetAt(url)
      assert.equal(after.status, 204)
      assert.equal(after.offset, 16 * MiB + 3)
      await isWhole(url)
    })
  }
}
