/** concatenation-unfinished on several nodes: whoever ends the last partial upload completes the final one. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  head,
  idOf,
  type Node,
  type OpenBucket,
  openBucket,
  patch,
  post,
  sha256,
  someBytes,
  startNode,
} from '../../support/stack.js'

const KiB = 1024
const SMALL = { minPartSize: 10 * KiB, preferredPartSize: 10 * KiB, maxAttempts: 2 }
/** The PATCH that ends a partial upload does not find who waits for it. */
const NOT_TOLD = { action: 'status', status: 403, code: 'AccessDenied' } as const
const PARTIAL = { 'Upload-Concat': 'partial' }

describe('a final upload that waits for its partial uploads', () => {
  let bucket: OpenBucket
  let nodes: Node[]
  const extra: Node[] = []
  before(async () => {
    bucket = await openBucket({ minPartSize: 10 * KiB })
    nodes = [await startNode(bucket, SMALL), await startNode(bucket, SMALL), await startNode(bucket, SMALL)]
  })
  after(async () => {
    bucket.bucket.intercept = undefined
    for (const node of [...nodes, ...extra]) await node.close()
    await bucket.close()
  })
  const start = async (
    ...options: [Parameters<typeof startNode>[1], Parameters<typeof startNode>[2]?]
  ): Promise<Node> => {
    const node = await startNode(bucket, ...options)
    extra.push(node)
    return node
  }
  const at = (node: number, url: string): string => `${nodes[node]!.url}${idOf(url)}`
  const create = async (fields: Record<string, string>, node = 0): Promise<string> => {
    const created = await post(nodes[node]!, fields)
    assert.equal(created.status, 201, await created.text())
    return created.headers.get('Location')!
  }
  const path = (url: string): string => new URL(url).pathname

  /** Nobody asks for the final upload meanwhile. */
  async function appears(url: string, bytes: Uint8Array): Promise<void> {
    const until = performance.now() + 10_000
    while (!(await bucket.keys(idOf(url))).includes(idOf(url))) {
      assert.ok(performance.now() < until, 'the object appears by itself')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  }

  test('the PATCH that ends the last partial upload, on another node, completes it', async () => {
    const [first, second] = [someBytes(25 * KiB), someBytes(17 * KiB)]
    const [one, two] = [
      await create({ ...PARTIAL, 'Upload-Length': String(first.length) }),
      await create({ ...PARTIAL, 'Upload-Length': String(second.length) }),
    ]
    const url = await create({ 'Upload-Concat': `final;${path(one)} ${path(two)}` }, 1)
    assert.equal((await patch(at(2, one), 0, first)).status, 204)
    assert.equal((await patch(at(0, two), 0, second.subarray(0, 100))).status, 204)
    assert.deepEqual(await bucket.keys(idOf(url)), [`${idOf(url)}.info`])
    assert.equal((await patch(at(2, two), 100, second.subarray(100))).status, 204)
    await appears(url, Buffer.concat([first, second]))
    assert.equal(await bucket.multiparts(idOf(url)), 0)
  })

  test('several final uploads wait for one partial upload', async () => {
    const bytes = someBytes(12 * KiB)
    const one = await create({ ...PARTIAL, 'Upload-Length': String(bytes.length) })
    const urls = await Promise.all(
      [0, 1, 2].map((node) => create({ 'Upload-Concat': `final;${path(one)} ${path(one)}` }, node)),
    )
    assert.equal((await patch(at(1, one), 0, bytes)).status, 204)
    for (const url of urls) await appears(url, Buffer.concat([bytes, bytes]))
  })

  test('a PATCH that is under way when the final upload is created is not disturbed', async () => {
    const bytes = someBytes(64 * KiB)
    const one = await create({ ...PARTIAL, 'Upload-Length': String(bytes.length) })
    let send: () => void = () => undefined
    const rest = new Promise<void>((resolve) => {
      send = resolve
    })
    const slow = fetch(at(0, one), {
      method: 'PATCH',
      headers: { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' },
      body: (async function* () {
        yield bytes.subarray(0, 30 * KiB)
        await rest
        yield bytes.subarray(30 * KiB)
      })() as never,
      duplex: 'half',
    } as RequestInit)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const urls = [
      await create({ 'Upload-Concat': `final;${path(one)}` }, 0),
      await create({ 'Upload-Concat': `final;${path(one)}` }, 1),
    ]
    send()
    assert.equal((await slow).status, 204)
    for (const url of urls) await appears(url, bytes)
  })

  test('the answer of the PATCH does not wait for the final upload, nor fail with it; HEAD then completes it', async () => {
    const bytes = someBytes(12 * KiB)
    const one = await create({ ...PARTIAL, 'Upload-Length': String(bytes.length) })
    const url = await create({ 'Upload-Concat': `final;${path(one)}` })
    bucket.bucket.intercept = ({ key }) =>
      key.startsWith(idOf(url)) || key.endsWith('.finals') ? { action: 'hang' } : undefined
    const started = performance.now()
    assert.equal((await patch(at(1, one), 0, bytes)).status, 204)
    assert.ok(performance.now() - started < 5_000)
    bucket.bucket.intercept = ({ key }) =>
      key.startsWith(idOf(url)) || key.endsWith('.finals') ? { action: 'reset-before' } : undefined
    assert.ok([500, 503].includes((await head(at(2, url))).status), 'HEAD does not say done')
    bucket.bucket.intercept = undefined
    assert.equal((await head(at(2, url))).headers.get('Upload-Offset'), String(bytes.length))
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  })

  test('a final upload that cannot be noted is created all the same', async () => {
    const one = await create({ ...PARTIAL, 'Upload-Length': '5' })
    bucket.bucket.intercept = ({ key }) =>
      key.endsWith('.finals') ? { action: 'status', status: 403, code: 'AccessDenied' } : undefined
    const url = await create({ 'Upload-Concat': `final;${path(one)}` })
    assert.equal((await patch(at(1, one), 0, Buffer.from('bytes'))).status, 204)
    bucket.bucket.intercept = undefined
    assert.equal((await head(at(1, url))).headers.get('Upload-Offset'), '5')
  })

  test('HEAD while S3 takes long to join tells no offset, and no failure', async () => {
    const hasty = await start(SMALL, { completionTimeout: 200 })
    const bytes = someBytes(12 * KiB)
    const one = await create({ ...PARTIAL, 'Upload-Length': String(bytes.length) })
    const url = await create({ 'Upload-Concat': `final;${path(one)}` })
    bucket.bucket.intercept = ({ operation, key }) => {
      if (key.endsWith('.finals')) return NOT_TOLD
      return operation === 'UploadPartCopy' && key === idOf(url) ? { action: 'delay', ms: 1_000 } : undefined
    }
    assert.equal((await patch(at(1, one), 0, bytes)).status, 204)
    const pending = await head(`${hasty.url}${idOf(url)}`)
    assert.equal(pending.status, 200)
    assert.equal(pending.headers.get('Upload-Offset'), null)
    assert.equal(pending.headers.get('Upload-Concat'), `final;${path(one)}`)
    await appears(url, bytes)
    bucket.bucket.intercept = undefined
    assert.equal((await head(at(0, url))).headers.get('Upload-Offset'), String(bytes.length))
  })

  test('a final upload that cannot be completed when it is created is not created: nothing of it stays', async () => {
    const bytes = someBytes(12 * KiB)
    const one = await create({ ...PARTIAL, 'Upload-Length': String(bytes.length) })
    assert.equal((await patch(one, 0, bytes)).status, 204)
    const before = await bucket.keys()
    bucket.bucket.intercept = ({ operation }) =>
      operation === 'UploadPartCopy' ? { action: 'status', status: 500, code: 'InternalError' } : undefined
    const refused = await post(nodes[0]!, { 'Upload-Concat': `final;${path(one)}` })
    bucket.bucket.intercept = undefined
    assert.equal(refused.status, 503)
    assert.equal(refused.headers.get('Location'), null)
    assert.deepEqual(await bucket.keys(), before)
    assert.equal(await bucket.multiparts(), 0)
  })

  test('deletePartials: a node that dies after it removed them leaves the bytes in the final upload, which the next completes', async () => {
    const tidy = [await start(SMALL, { deletePartials: true }), await start(SMALL, { deletePartials: true })]
    const bytes = someBytes(32 * KiB)
    const one = await create({ ...PARTIAL, 'Upload-Length': String(bytes.length) })
    const url = await create({ 'Upload-Concat': `final;${path(one)}` })
    // Nobody but who is asked joins it. Its third commit says that it is complete.
    bucket.bucket.intercept = ({ operation, key, occurrence }) => {
      if (key.endsWith('.finals')) return NOT_TOLD
      const isLast = operation === 'PutObject' && key === `${idOf(url)}.info` && occurrence >= 3
      return isLast ? { action: 'reset-before' } : undefined
    }
    assert.equal((await patch(one, 0, bytes)).status, 204)
    assert.equal((await head(`${tidy[0]!.url}${idOf(url)}`)).status, 503)
    assert.deepEqual(await bucket.keys(idOf(one)), [], 'the partial upload is removed')
    bucket.bucket.intercept = undefined
    assert.equal((await head(`${tidy[1]!.url}${idOf(url)}`)).headers.get('Upload-Offset'), String(bytes.length))
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  })

  test('deletePartials: a final upload is not forgotten when it may have the only copy of the bytes', async () => {
    const tidy = await start(SMALL, { deletePartials: true })
    const bytes = someBytes(32 * KiB)
    const one = await create({ ...PARTIAL, 'Upload-Length': String(bytes.length) })
    assert.equal((await patch(one, 0, bytes)).status, 204)
    const before = new Set(await bucket.keys())
    bucket.bucket.intercept = ({ operation, key, occurrence }) =>
      operation === 'PutObject' && key.endsWith('.info') && occurrence >= 4 ? { action: 'reset-before' } : undefined
    assert.equal((await post(tidy, { 'Upload-Concat': `final;${path(one)}` })).status, 503)
    bucket.bucket.intercept = undefined
    const id = (await bucket.keys()).find((key) => !before.has(key) && !key.includes('.'))!
    assert.equal((await head(at(0, `/${id}`))).headers.get('Upload-Offset'), String(bytes.length))
    assert.equal((await bucket.object(id)).sha256, sha256(bytes))
  })

  test('too many pieces, as the lengths tell only later: 410, with the reason', async () => {
    const narrow = await start({ ...SMALL, maxMultipartParts: 3, maxObjectSize: 200 * KiB, maxPartSize: 80 * KiB })
    const deferred = { ...PARTIAL, 'Upload-Defer-Length': '1' }
    const urls = await Promise.all([1, 2, 3, 4].map(() => create(deferred)))
    const url = (await post(narrow, { 'Upload-Concat': `final;${urls.map(path).join(' ')}` })).headers.get('Location')!
    bucket.bucket.intercept = ({ key }) => (key.endsWith('.finals') ? NOT_TOLD : undefined)
    const length = { 'Upload-Length': String(11 * KiB) }
    for (const one of urls) assert.equal((await patch(one, 0, someBytes(11 * KiB), length)).status, 204)
    const gone = await fetch(`${narrow.url}${idOf(url)}`)
    bucket.bucket.intercept = undefined
    assert.equal(gone.status, 410)
    assert.match(await gone.text(), /would make 4 parts/)
    assert.equal((await head(at(0, url))).status, 410)
  })

  test('too many pieces: refused with 400, and nothing is stored', async () => {
    const narrow = await start({
      ...SMALL,
      maxMultipartParts: 3,
      maxObjectSize: 200 * KiB,
      maxPartSize: 80 * KiB,
    })
    const urls = [1, 2, 3, 4].map(async () => {
      const url = await create({ ...PARTIAL, 'Upload-Length': String(11 * KiB) })
      assert.equal((await patch(url, 0, someBytes(11 * KiB))).status, 204)
      return path(url)
    })
    const field = { 'Upload-Concat': `final;${(await Promise.all(urls)).join(' ')}` }
    const before = await bucket.keys()
    const refused = await post(narrow, field)
    assert.equal(refused.status, 400)
    assert.match(await refused.text(), /^ERR_INVALID_CONCAT: .*4 parts/)
    assert.deepEqual(await bucket.keys(), before)
  })
})
