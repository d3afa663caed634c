import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { startServer } from './cli/command.js'
import { makeCertificate } from './support/certificate.js'
import { sendOver } from './support/matrix.js'
import { BUCKET, openBucket, PATCH_TYPE, someBytes, startNode, TUS } from './support/stack.js'
import { create, offsetAt, stall } from './support/workers.js'

// The examples import 'holdfast' by its name, which is dist/: `npm test` builds it first.
const root = join(import.meta.dirname, '..')
const example = (name: string): string => join(root, 'examples', name)
const TIMEOUT = { timeout: 60_000 }

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-examples-'))
})
after(() => rm(folder, { recursive: true, force: true }))

type Fetch = (request: Request) => Promise<Response>

/** Creates an upload, sends it in two halves, and reads it back. @returns its ID */
async function uploadTwice(url: string, send: Fetch, bytes: Uint8Array): Promise<string> {
  const created = await send(
    new Request(url, { method: 'POST', headers: { ...TUS, 'Upload-Length': String(bytes.length) } }),
  )
  assert.equal(created.status, 201)
  const location = created.headers.get('Location')!
  const half = bytes.length / 2
  for (const offset of [0, half]) {
    const body = bytes.slice(offset, offset + half)
    const headers = { ...PATCH_TYPE, 'Upload-Offset': String(offset) }
    const patched = await send(new Request(location, { method: 'PATCH', headers, body }))
    assert.equal(patched.status, 204)
    const head = await send(new Request(location, { method: 'HEAD', headers: TUS }))
    assert.equal(head.headers.get('Upload-Offset'), String(offset + half))
  }
  const content = await send(new Request(location))
  assert.deepEqual(Buffer.from(await content.arrayBuffer()), Buffer.from(bytes))
  return location.slice(location.lastIndexOf('/') + 1)
}

/** Runs an example as its first lines say, and waits until it tells where it listens. */
async function start(
  name: string,
  env: Record<string, string>,
): Promise<{ url: string; child: ChildProcess; stop(): Promise<void> }> {
  const child = spawn(process.execPath, ['--import', 'tsx', example(name)], {
    cwd: root,
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /listening on (\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    child.stdout.resume()
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM')
      const [code] = await exited
      assert.equal(code, 0, `${name} ends well after SIGTERM`)
    }
    return { url, child, stop }
  }
  throw new Error(`${name} ended without listening`)
}

test('examples/node-http.ts takes uploads into a folder and stops on SIGTERM', TIMEOUT, async () => {
  const { url, stop } = await start('node-http.ts', { UPLOADS: join(folder, 'node-http') })
  await uploadTwice(url, fetch, someBytes(200_000))
  const location = await create(url, 100)
  const hanging = await stall(location, 0, 100, someBytes(40))
  await sleep(300)
  await stop()
  assert.equal((await hanging.answer)?.status, 503, 'who still sends is told to try again')
})

test('examples/access.ts takes uploads by signed URLs alone', TIMEOUT, async () => {
  const { url, stop } = await start('access.ts', { UPLOADS: join(folder, 'access') })
  const bytes = someBytes(2_000)
  const metadata = `filetype ${Buffer.from('image/png').toString('base64')}`
  const fields = { ...TUS, 'Upload-Length': '2000', 'Upload-Metadata': metadata }
  assert.equal((await fetch(url, { method: 'POST', headers: fields })).status, 403)
  const path = await (await fetch(new URL('/upload-url', url), { headers: { 'X-User': 'alice' } })).text()
  const created = await fetch(new URL(path, url), { method: 'POST', headers: fields })
  assert.equal(created.status, 201)
  const location = created.headers.get('Location')!
  const sent = await fetch(location, { method: 'PATCH', headers: { ...PATCH_TYPE, 'Upload-Offset': '0' }, body: bytes })
  assert.equal(sent.status, 204)
  assert.deepEqual(Buffer.from(await (await fetch(location)).arrayBuffer()), Buffer.from(bytes))
  assert.equal((await fetch(location, { method: 'DELETE', headers: TUS })).status, 403)
  await stop()
})

test('examples/cluster.ts takes uploads by two workers, and a newer request has the older yield', TIMEOUT, async () => {
  const { url, stop } = await start('cluster.ts', { UPLOADS: join(folder, 'cluster') })
  // A new connection for each request: so they go to both workers.
  await uploadTwice(
    url,
    (request) => {
      request.headers.set('connection', 'close')
      return fetch(request)
    },
    someBytes(200_000),
  )
  const location = await create(url, 100)
  const hanging = await stall(location, 0, 100, someBytes(40))
  await sleep(300)
  const started = performance.now()
  assert.equal(await offsetAt(location), 40)
  assert.ok(performance.now() - started < 2_000)
  assert.equal((await hanging.answer)?.status, 409)
  await stop()
})

test('examples/node-http2.ts takes uploads by HTTP/2 and HTTP/1.1 over TLS, and stops', TIMEOUT, async () => {
  const { cert, key } = makeCertificate('an example')
  const files = { TLS_CERT: join(folder, 'cert.pem'), TLS_KEY: join(folder, 'key.pem') }
  await writeFile(files.TLS_CERT, cert)
  await writeFile(files.TLS_KEY, key)
  const { url, stop } = await start('node-http2.ts', { ...files, UPLOADS: join(folder, 'node-http2') })
  const session = http2.connect(new URL(url).origin, { ca: cert })
  const send: Fetch = async (request) => {
    const { method, headers } = request
    const body = new Uint8Array(await request.arrayBuffer())
    const init = { method, headers: Object.fromEntries(headers), ...(body.length > 0 ? { body } : {}) }
    return sendOver(session, new URL(request.url), init)
  }
  await uploadTwice(url, send, someBytes(200_000))
  session.destroy()
  const status = await new Promise((resolve, reject) => {
    const asked = https.request(url, { method: 'OPTIONS', ca: cert, agent: false })
    asked.on('response', (response) => resolve(response.resume().statusCode))
    asked.on('error', reject)
    asked.end()
  })
  assert.equal(status, 204)
  await stop()
})

test('examples/s3.ts takes uploads into a bucket and stops on SIGTERM', TIMEOUT, async () => {
  const bucket = await openBucket()
  const { endpoint, region, credentials } = bucket.bucket
  const { url, stop } = await start('s3.ts', {
    S3_BUCKET: BUCKET,
    S3_ENDPOINT: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  })
  const bytes = someBytes(200_000)
  const id = await uploadTwice(url, fetch, bytes)
  await stop()
  const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: `in/${id}` }))
  assert.deepEqual(Buffer.from(await Body!.transformToByteArray()), bytes)
  assert.deepEqual(await bucket.keys(), [`in/${id}`, `uploads/${id}.info`])
  await bucket.close()
})

test('examples/holdfast.yaml configures the command: uploads go into the bucket', TIMEOUT, async (context) => {
  const bucket = await openBucket()
  context.after(() => bucket.close())
  const { endpoint, credentials } = bucket.bucket
  const { url } = await startServer(context, ['serve', '--config', example('holdfast.yaml')], {
    PORT: '0',
    HOLDFAST_HOST: '127.0.0.1',
    S3_BUCKET: BUCKET,
    S3_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  })
  const id = await uploadTwice(url, fetch, someBytes(200_000))
  assert.deepEqual(await bucket.keys(), [`in/${id}`, `uploads/${id}.info`])
  const origins = { 'https://pr-12.preview.example': true, 'https://pr-12.preview.example.evil.test': false }
  for (const [origin, isAllowed] of Object.entries(origins)) {
    const { headers } = await fetch(url, { method: 'OPTIONS', headers: { ...TUS, Origin: origin } })
    assert.equal(headers.get('Access-Control-Allow-Origin'), isAllowed ? origin : null)
  }
})

test('examples/object-keys.ts names objects, leads to S3, and moves what is to be archived', TIMEOUT, async () => {
  const bucket = await openBucket()
  const { endpoint, region, credentials } = bucket.bucket
  const { url, stop } = await start('object-keys.ts', {
    S3_BUCKET: BUCKET,
    S3_ENDPOINT: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  })
  const user = { ...TUS, 'X-User': 'alice' }
  const named = `filename ${Buffer.from('Übung 1.txt').toString('base64')},secret ${Buffer.from('x').toString('base64')}`
  const upload = async (bytes: Buffer, metadata: string): Promise<string> => {
    const headers = { ...user, 'Upload-Length': String(bytes.length), 'Upload-Metadata': metadata }
    const location = (await fetch(url, { method: 'POST', headers })).headers.get('Location')!
    const sent = { ...PATCH_TYPE, ...user, 'Upload-Offset': '0' }
    assert.equal((await fetch(location, { method: 'PATCH', headers: sent, body: bytes })).status, 204)
    return location
  }
  const bytes = someBytes(5_000)
  const location = await upload(bytes, named)
  const id = location.slice(location.lastIndexOf('/') + 1)
  const Key = `files/alice/${id}/Übung 1.txt`
  const found = await bucket.client.send(new GetObjectCommand({ Bucket: BUCKET, Key }))
  assert.deepEqual(Buffer.from(await found.Body!.transformToByteArray()), bytes)
  assert.equal(found.CacheControl, 'private, max-age=3600')
  assert.match(found.ContentDisposition!, /^attachment; .*%C3%9Cbung%201\.txt/)
  assert.deepEqual(Object.keys(found.Metadata!).sort(), ['filename', 'holdfast-id', 'holdfast-token'])
  assert.equal((await fetch(location, { headers: user, redirect: 'manual' })).status, 307)
  assert.deepEqual(Buffer.from(await (await fetch(location, { headers: user })).arrayBuffer()), bytes)
  assert.equal((await fetch(location, { redirect: 'manual' })).status, 401)
  const archived = await upload(bytes, 'archive')
  const at = `archive/${archived.slice(archived.lastIndexOf('/') + 1)}`
  for (let tries = 0; !(await bucket.keys()).includes(at); tries++) {
    assert.ok(tries < 100, 'in time')
    await sleep(50)
  }
  await sleep(200)
  assert.equal((await fetch(archived, { headers: user, redirect: 'manual' })).status, 410)
  await stop()
  assert.deepEqual(
    (await bucket.keys()).filter((key) => key.startsWith('files/')),
    [Key],
  )
  await bucket.close()
})

test('examples/sweep.ts ends uploads that expire, and stops on SIGTERM', TIMEOUT, async () => {
  const uploads = join(folder, 'sweep')
  const { url, stop } = await start('sweep.ts', { UPLOADS: uploads, EXPIRES_AFTER: '300', SWEEP_EVERY: '50' })
  await uploadTwice(url, fetch, someBytes(2_000))
  const created = await fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Length': '10' } })
  assert.ok(created.headers.has('Upload-Expires'))
  const id = created.headers.get('Location')!.split('/').at(-1)!
  const isEnded = async (): Promise<boolean> => !(await readdir(uploads)).includes(id)
  for (let tries = 0; !(await isEnded()); tries++) {
    assert.ok(tries < 100, 'in time')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const gone = await fetch(created.headers.get('Location')!, { method: 'HEAD', headers: TUS })
  assert.equal(gone.status, 410)
  await stop()
})

test('examples/fetch.ts is a handler that takes uploads', TIMEOUT, async () => {
  process.env.UPLOADS = join(folder, 'fetch')
  const { default: handler, close } = (await import(pathToFileURL(example('fetch.ts')).href)) as {
    default: { fetch: Fetch }
    close: () => Promise<void>
  }
  await uploadTwice('http://localhost/files/', handler.fetch, someBytes(200_000))
  assert.equal((await handler.fetch(new Request('http://localhost/'))).status, 200)
  await close()
})

test('examples/own-bucket-in-tests.ts is a test that passes', TIMEOUT, async () => {
  // Without NODE_TEST_CONTEXT the child is a test run of its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const file = example('own-bucket-in-tests.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', file], { cwd: root, env })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  const [code] = await once(child, 'exit')
  const text = Buffer.concat(output).toString()
  assert.equal(code, 0, text)
  assert.match(text, /^# pass 2$/m)
})

test('examples/hooks.ts lets users at their own uploads, and takes pictures', TIMEOUT, async () => {
  const { url, child, stop } = await start('hooks.ts', { UPLOADS: join(folder, 'hooks') })
  let told = ''
  child.stdout?.on('data', (chunk) => {
    told += chunk
  })
  const as = (token: string) => ({ ...TUS, Authorization: `Bearer ${token}` })
  const create = (token: string, name: string) => {
    const metadata = `filename ${Buffer.from(name).toString('base64')}`
    const headers = { ...as(token), 'Upload-Length': '1000', 'Upload-Metadata': metadata }
    return fetch(url, { method: 'POST', headers })
  }
  assert.equal((await create('0', 'a.png')).status, 401)
  assert.equal((await create('1234', 'a.exe')).status, 415)
  const bytes = someBytes(1_000)
  const send = async (first: number) => {
    bytes[0] = first
    const location = (await create('1234', 'a.png')).headers.get('Location')!
    const headers = { ...PATCH_TYPE, ...as('1234'), 'Upload-Offset': '0' }
    return { location, answer: await fetch(location, { method: 'PATCH', headers, body: bytes }) }
  }
  assert.equal((await send(0)).answer.status, 422)
  const { location, answer } = await send(0x89)
  assert.equal(answer.status, 204)
  const digest = createHash('sha256').update(bytes).digest('hex')
  for (const [token, status] of [
    ['1234', 200],
    ['5678', 404],
  ] as const) {
    const asked = await fetch(location, { method: 'HEAD', headers: as(token) })
    assert.equal(asked.status, status)
    if (status === 200) assert.equal(asked.headers.get('X-SHA-256'), digest)
  }
  for (let tries = 0; !/finished \w+ of alice/.test(told); tries++) {
    assert.ok(tries < 100, 'in time')
    await sleep(50)
  }
  await stop()
})

test('examples/hooks-http-receiver.ts answers holdfast serve, and nobody else', TIMEOUT, async (context) => {
  const receiver = await start('hooks-http-receiver.ts', {})
  let told = ''
  receiver.child.stdout?.on('data', (chunk) => {
    told += chunk
  })
  assert.equal((await fetch(receiver.url, { method: 'POST', body: '{}' })).status, 401)
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const flags = ['--upload-dir', join(folder, 'receiver'), '--hooks-http', receiver.url, '--hooks-http-secret', secret]
  const { url } = await startServer(context, ['serve', '--port', '0', ...flags])
  const fields = { ...TUS, 'Upload-Length': '10' }
  const nameless = await fetch(url, { method: 'POST', headers: fields })
  assert.deepEqual([nameless.status, await nameless.text()], [400, 'A file needs a name.'])
  const created = await fetch(url, { method: 'POST', headers: { ...fields, 'Upload-Metadata': 'filename YQ==' } })
  const location = created.headers.get('Location')!
  const head = await fetch(location, { method: 'HEAD', headers: TUS })
  assert.equal(head.headers.get('Upload-Metadata'), 'filename YQ==,seen eWVz')
  const headers = { ...PATCH_TYPE, 'Upload-Offset': '0' }
  assert.equal((await fetch(location, { method: 'PATCH', headers, body: someBytes(10) })).status, 204)
  for (let tries = 0; !/post-finish \w+ 10/.test(told); tries++) {
    assert.ok(tries < 100, 'in time')
    await sleep(50)
  }
  await receiver.stop()
})

test('each file of examples/ has a test here or in test-redis/, and README.md shows examples/s3.ts as it is', async () => {
  const here = `${await readFile(import.meta.filename)}${await readFile(join(root, 'test-redis', 'examples.test.ts'))}`
  for (const entry of await readdir(join(root, 'examples'), { withFileTypes: true })) {
    // Folders are the business of test-frameworks/.
    if (entry.isDirectory()) continue
    const { name } = entry
    assert.ok(here.includes(`test('examples/${name} `), `examples/${name} is run by no test`)
  }
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  assert.ok(readme.includes(`\`\`\`ts\n${await readFile(example('s3.ts'), 'utf8')}\`\`\``))
})

test('examples/verified-upload.ts checks what it sent; what was spoilt is sent anew', TIMEOUT, async () => {
  const path = join(folder, 'verified.bin')
  await writeFile(path, someBytes(9 * 1024 * 1024))
  const bucket = await openBucket()
  const node = await startNode(bucket)
  let spoilt = 0
  // What is stored in the end is not what came.
  bucket.bucket.intercept = ({ operation, partNumber }) =>
    operation === 'UploadPart' && partNumber === 1 && spoilt++ === 0 ? { action: 'corrupt' } : undefined
  try {
    const args = ['--import', 'tsx', example('verified-upload.ts'), path, node.url]
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let told = ''
    child.stdout.on('data', (chunk) => {
      told += chunk
    })
    assert.deepEqual(await once(child, 'close'), [0, null])
    assert.match(told, /uploaded to \S+, and checked/)
    assert.equal((await bucket.keys()).filter((key) => key.endsWith('.info')).length, 2, 'the first upload has failed')
  } finally {
    await node.close()
    await bucket.close()
  }
})

test('examples/rufh-client.ts uploads over a connection that breaks, and goes on where it was', TIMEOUT, async () => {
  const bytes = someBytes(9 * 1024 * 1024)
  const path = join(folder, 'größe.bin')
  await writeFile(path, bytes)
  const bucket = await openBucket()
  const node = await startNode(bucket)
  // Cuts the first connection in the middle of the file.
  let connections = 0
  const relay = net.createServer((client) => {
    const isFirst = ++connections === 1
    const upstream = net.connect(node.port, '127.0.0.1')
    let sent = 0
    client.on('data', (chunk) => {
      sent += chunk.length
      upstream.write(chunk)
      if (isFirst && sent > 3 * 1024 * 1024) client.pause()
    })
    upstream.on('data', () => {
      if (isFirst) setTimeout(() => client.destroy(), 100)
    })
    upstream.pipe(client)
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    client.on('close', () => upstream.destroy())
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const { port } = relay.address() as net.AddressInfo
  try {
    const args = ['--import', 'tsx', example('rufh-client.ts'), path, `http://127.0.0.1:${port}/files/`]
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let told = ''
    child.stdout.on('data', (chunk) => {
      told += chunk
    })
    assert.deepEqual(await once(child, 'close'), [0, null])
    assert.match(told, /going on at byte \d+/)
    const answer = await fetch(/uploaded to (\S+)/.exec(told)![1]!)
    assert.match(answer.headers.get('Content-Disposition')!, /gr%C3%B6%C3%9Fe\.bin/)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from(bytes))
  } finally {
    relay.close()
    await node.close()
    await bucket.close()
  }
})

test('examples/metrics.ts tells what was uploaded, and whether it is ready, on another port', TIMEOUT, async () => {
  const bucket = await openBucket()
  const { endpoint, region, credentials } = bucket.bucket
  const free = net.createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as net.AddressInfo
  await new Promise((resolve) => free.close(resolve))
  const { url, stop } = await start('metrics.ts', {
    S3_BUCKET: BUCKET,
    S3_ENDPOINT: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    METRICS_PORT: String(port),
  })
  await uploadTwice(url, fetch, someBytes(200_000))
  const at = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  assert.equal(await at('/readyz'), 'ready')
  const text = await at('/metrics')
  assert.match(text, /^holdfast_bytes_stored_total 200000$/m)
  assert.match(text, /^holdfast_s3_request_duration_seconds_count\{operation="putObject"\} [1-9]/m)
  await stop()
  await bucket.close()
})

test('examples/tracing.ts prints a span of each request, and of the hook in it', TIMEOUT, async () => {
  const { url, child, stop } = await start('tracing.ts', { UPLOADS: join(folder, 'tracing') })
  let told = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    told += text
  })
  const id = await uploadTwice(url, fetch, someBytes(2_000))
  await stop()
  for (const name of ['POST /files/', 'PATCH /files/:id', 'HEAD /files/:id', 'hook onFinish']) {
    assert.ok(told.includes(`name: '${name}'`), `${name} in ${told}`)
  }
  assert.ok(told.includes(`'holdfast.upload.id': '${id}'`))
})
