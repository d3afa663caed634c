/** Repr-Digest over tus, on several nodes and through what goes wrong between the object and its record. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import type { Intercept } from '../../src/testing/index.js'
import {
  head,
  idOf,
  type Node,
  type OpenBucket,
  offsetOf,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
  TUS,
} from '../support/stack.js'

const MiB = 1024 * 1024
const PATCHED = { 'Content-Type': 'application/offset+octet-stream' }

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64')
const fieldOf = (bytes: Uint8Array): { 'Repr-Digest': string } => ({ 'Repr-Digest': `sha-256=:${digestOf(bytes)}:` })

/** What an upload of these bytes is told to have. */
function toldOf(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return `sha-256=:${digestOf(bytes)}:, crc32=:${sum.toString('base64')}:`
}

async function stage(context: TestContext, server: Parameters<typeof startNode>[2] = {}) {
  const bucket = await openBucket()
  const store = { preferredPartSize: 5 * MiB, maxAttempts: 1 }
  const nodes: Node[] = [await startNode(bucket, store, server), await startNode(bucket, store, server)]
  context.after(async () => {
    bucket.bucket.intercept = undefined
    for (const node of nodes) await node.close()
    await bucket.close()
  })
  return { bucket, nodes }
}

const create = async (node: Node, length: number, fields: Record<string, string>): Promise<string> => {
  const created = await post(node, { 'Upload-Length': String(length), ...fields })
  assert.equal(created.status, 201, await created.text())
  return idOf(created.headers.get('Location')!)
}

/** Sends the bytes in pieces, to one node after the other. @returns the last answer */
async function sendInTurn(nodes: readonly Node[], id: string, bytes: Buffer, piece: number): Promise<Response> {
  for (let offset = 0, turn = 0; ; offset += piece, turn++) {
    const node = nodes[turn % nodes.length]!
    const answer = await patch(`${node.url}${id}`, offset, bytes.subarray(offset, offset + piece))
    if (offset + piece >= bytes.length) return answer
    assert.equal(answer.status, 204)
  }
}

async function mustHaveEnded({ bucket, nodes }: { bucket: OpenBucket; nodes: Node[] }, id: string): Promise<void> {
  for (const node of nodes) {
    assert.equal((await head(`${node.url}${id}`)).status, 410)
    const got = await fetch(`${node.url}${id}`)
    assert.equal(got.status, 410)
    assert.match(await got.text(), /does not have the Repr-Digest/)
  }
  assert.deepEqual(await bucket.keys(id), [`${id}.info`], 'the record alone')
  assert.equal(await bucket.multiparts(id), 0)
}

for (const [size, piece] of [
  [1_000, 300],
  [12 * MiB + 7, 3 * MiB],
  [12 * MiB + 7, 5 * MiB],
] as const) {
  test(`${size} bytes in pieces of ${piece} to two nodes in turn: right and wrong`, async (context) => {
    const on = await stage(context)
    const bytes = someBytes(size)
    const id = await create(on.nodes[0]!, size, fieldOf(bytes))
    assert.equal((await sendInTurn(on.nodes, id, bytes, piece)).status, 204)
    for (const node of on.nodes) {
      assert.equal((await head(`${node.url}${id}`)).headers.get('Repr-Digest'), toldOf(bytes))
      const whole = await fetch(`${node.url}${id}`)
      assert.equal(whole.headers.get('Repr-Digest'), toldOf(bytes))
      assert.equal(digestOf(Buffer.from(await whole.arrayBuffer())), digestOf(bytes))
      const part = await fetch(`${node.url}${id}`, { headers: { Range: 'bytes=10-19' } })
      assert.equal(part.status, 206)
      assert.equal(part.headers.get('Repr-Digest'), toldOf(bytes), 'of the whole, also with a part of it')
      assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 20))
    }
    const other = await create(on.nodes[0]!, size, fieldOf(someBytes(3)))
    const refused = await sendInTurn(on.nodes, other, bytes, piece)
    assert.equal(refused.status, 400)
    await mustHaveEnded(on, other)
  })
}

/** From the object on, no record is written. */
const crashing = (id: string): Intercept => {
  let isMade = false
  return ({ operation, key }) => {
    isMade ||= operation === 'CompleteMultipartUpload' && key === id
    return isMade && operation === 'PutObject' && key === `${id}.info` ? { action: 'reset-before' } : undefined
  }
}

for (const isRight of [true, false]) {
  test(`a crash between object and record, of ${isRight ? 'right' : 'wrong'} bytes: another node looks at them again`, async (context) => {
    const on = await stage(context)
    const { bucket, nodes } = on
    const bytes = someBytes(12 * MiB)
    const id = await create(nodes[0]!, bytes.length, isRight ? fieldOf(bytes) : fieldOf(someBytes(3)))
    bucket.bucket.intercept = crashing(id)
    const answer = await patch(`${nodes[0]!.url}${id}`, 0, bytes)
    assert.equal(answer.status, 503)
    assert.ok((await bucket.keys(id)).includes(id), 'the object is there')
    let reads = 0
    bucket.bucket.intercept = ({ operation, key }) => {
      if (operation === 'GetObject' && key === id) reads++
      return undefined
    }
    const asked = await head(`${nodes[1]!.url}${id}`)
    assert.equal(asked.status, isRight ? 200 : 410)
    // What is refused is refused only if it is read so twice.
    assert.equal(reads, isRight ? 1 : 2)
    if (isRight) assert.equal(asked.headers.get('Repr-Digest'), toldOf(bytes))
    else await mustHaveEnded(on, id)
  })
}

test('content that cannot be read just now condemns nothing: asked again, it is complete', async (context) => {
  const { bucket, nodes } = await stage(context)
  const bytes = someBytes(12 * MiB)
  for (const fault of [
    { action: 'status', status: 503, code: 'SlowDown' },
    { action: 'reset-before' },
    { action: 'status', status: 500, code: 'InternalError' },
  ] as const) {
    const id = await create(nodes[0]!, bytes.length, fieldOf(bytes))
    assert.equal((await patch(`${nodes[0]!.url}${id}`, 0, bytes.subarray(0, 6 * MiB))).status, 204)
    bucket.bucket.intercept = ({ operation, key }) => (operation === 'GetObject' && key === id ? fault : undefined)
    const answer = await patch(`${nodes[1]!.url}${id}`, 6 * MiB, bytes.subarray(6 * MiB))
    assert.equal(answer.status, 503, JSON.stringify(fault))
    assert.equal((await head(`${nodes[0]!.url}${id}`)).status, 503)
    bucket.bucket.intercept = undefined
    const asked = await head(`${nodes[0]!.url}${id}`)
    assert.deepEqual([asked.status, offsetOf(asked)], [200, bytes.length])
    assert.equal(asked.headers.get('Repr-Digest'), toldOf(bytes))
  }
})

test('an object that was changed after it was made is not what the client said: read back, it is refused', async (context) => {
  const on = await stage(context)
  const { bucket, nodes } = on
  const bytes = someBytes(1_000)
  const id = await create(nodes[0]!, bytes.length, fieldOf(bytes))
  await patch(`${nodes[0]!.url}${id}`, 0, bytes.subarray(0, 500))
  bucket.bucket.intercept = ({ operation, key }) =>
    operation === 'PutObject' && key === id ? { action: 'corrupt' } : undefined
  const answer = await patch(`${nodes[1]!.url}${id}`, 500, bytes.subarray(500))
  assert.equal(answer.status, 400)
  await mustHaveEnded(on, id)
})

for (const size of [1_000, 12 * MiB]) {
  test(`a wrong digest of a creation with its ${size} bytes leaves nothing, since nobody knows where it is`, async (context) => {
    const { bucket, nodes } = await stage(context)
    const fields = { 'Upload-Length': String(size), ...PATCHED, ...fieldOf(someBytes(3)) }
    const refused = await post(nodes[0]!, fields, someBytes(size))
    assert.equal(refused.status, 400)
    assert.equal(refused.headers.get('Location'), null)
    assert.deepEqual(await bucket.keys(), [])
    assert.equal(await bucket.multiparts(), 0)
  })
}

test('a wrong digest of a creation whose place was told meanwhile: 410 there', async (context) => {
  const on = await stage(context)
  const { port } = on.nodes[0]!
  const location = await new Promise<string>((resolve, reject) => {
    let told = ''
    const headers = {
      'Upload-Draft-Interop-Version': '6',
      'Upload-Complete': '?1',
      'Content-Length': 1_000,
      ...fieldOf(someBytes(3)),
    }
    const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/files', headers })
    request.on('information', (interim) => {
      told ||= String((interim as { headers: Record<string, string> }).headers.location ?? '')
    })
    request.on('response', (response) => {
      response.resume()
      response.on('end', () =>
        response.statusCode === 400 ? resolve(told) : reject(new Error(`${response.statusCode}`)),
      )
    })
    request.on('error', reject)
    request.end(someBytes(1_000))
  })
  assert.notEqual(location, '')
  await mustHaveEnded(on, idOf(location))
})

async function partials(node: Node, ...contents: Buffer[]): Promise<string[]> {
  const urls: string[] = []
  for (const bytes of contents) {
    const id = await create(node, bytes.length, { 'Upload-Concat': 'partial' })
    assert.equal((await patch(`${node.url}${id}`, 0, bytes)).status, 204)
    urls.push(`/files/${id}`)
  }
  return urls
}

test('a final upload with a digest: right, and its partial uploads go; wrong, and they stay and it does not', async (context) => {
  const { bucket, nodes } = await stage(context, { deletePartials: true })
  const contents = [someBytes(6 * MiB), someBytes(100), someBytes(7 * MiB)]
  const whole = Buffer.concat(contents)
  const urls = await partials(nodes[0]!, ...contents)
  const before = await bucket.keys()
  const final = (bytes: Buffer) => post(nodes[1]!, { 'Upload-Concat': `final;${urls.join(' ')}`, ...fieldOf(bytes) })
  assert.equal((await final(contents[0]!)).status, 400)
  assert.deepEqual(await bucket.keys(), before, 'the partial uploads are as they were, and nothing else is there')
  assert.equal(await bucket.multiparts(), 0)
  const created = await final(whole)
  assert.equal(created.status, 201, await created.text())
  const id = idOf(created.headers.get('Location')!)
  assert.deepEqual(await bucket.keys(), [id, `${id}.info`], 'the partial uploads are gone')
  assert.equal((await head(`${nodes[0]!.url}${id}`)).headers.get('Repr-Digest'), toldOf(whole))
  assert.equal((await bucket.object(id)).sha256, sha256(whole))
})

test('a final upload that waits, with a wrong digest: 410 once its last partial upload is complete, which stays', async (context) => {
  const on = await stage(context, { deletePartials: true })
  const { bucket, nodes } = on
  const bytes = someBytes(1_000)
  const partial = await create(nodes[0]!, bytes.length, { 'Upload-Concat': 'partial' })
  const created = await post(nodes[1]!, { 'Upload-Concat': `final;/files/${partial}`, ...fieldOf(someBytes(3)) })
  assert.equal(created.status, 201, await created.text())
  const id = idOf(created.headers.get('Location')!)
  assert.equal((await patch(`${nodes[0]!.url}${partial}`, 0, bytes)).status, 204)
  await mustHaveEnded(on, id)
  assert.equal((await bucket.object(partial)).sha256, sha256(bytes))
})

test('Want-Repr-Digest is heard by HEAD and GET, of tus and of the draft', async (context) => {
  const { nodes } = await stage(context)
  const bytes = someBytes(100)
  const id = await create(nodes[0]!, bytes.length, fieldOf(bytes))
  await patch(`${nodes[0]!.url}${id}`, 0, bytes)
  const url = `${nodes[0]!.url}${id}`
  const wanted = { 'Want-Repr-Digest': 'crc32=0' }
  const told = `sha-256=:${digestOf(bytes)}:`
  const draft = { 'Upload-Draft-Interop-Version': '6' }
  for (const headers of [TUS, draft]) {
    const asked = await fetch(url, { method: 'HEAD', headers: { ...headers, ...wanted } })
    assert.equal(asked.headers.get('Repr-Digest'), told)
  }
  assert.equal((await fetch(url, { headers: wanted })).headers.get('Repr-Digest'), told)
})
