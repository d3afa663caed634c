import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { type GrpcHooksOptions, grpcHooks } from '../../src/hooks/grpc.js'
import { makeCertificate } from '../support/certificate.js'
import { type Answering, startGrpcServer, type Tls } from '../support/grpc-server.js'
import {
  context,
  createEvent,
  deliveredEvent,
  finishEvent,
  REQUEST,
  uploadEvent,
  uploadInfo,
} from '../support/hook-events.js'
import { until } from '../support/hook-scenario.js'

const ALL = [
  'pre-create',
  'post-create',
  'post-receive',
  'pre-finish',
  'post-finish',
  'pre-terminate',
  'post-terminate',
] as const

async function hooksTo(test: TestContext, answer: Answering, options: Partial<GrpcHooksOptions> = {}, tls?: Tls) {
  const server = await startGrpcServer(test, answer, tls)
  const hooks = grpcHooks({ endpoint: server.endpoint, events: ALL, backoff: 10, ...options })
  test.after(() => hooks.close())
  return { server, hooks }
}

test('each hook is one call, with all that tusd tells, and what is answered decides', async (test) => {
  const { server, hooks } = await hooksTo(
    test,
    ({ request }) => {
      if (request.type === 'pre-create')
        return { reply: { changeFileInfo: { id: 'b', metaData: { a: '1' }, storage: { Key: 'k' }, maxSize: 7 } } }
      if (request.type === 'post-receive') return { reply: { stopUpload: true, httpResponse: { statusCode: 402 } } }
      if (request.type === 'pre-finish')
        return { reply: { httpResponse: { statusCode: 200, body: 'b', header: { Link: '</x>' } } } }
      if (request.type === 'pre-terminate') return { reply: { rejectTermination: true } }
      return { reply: {} }
    },
    { forwardHeaders: ['Authorization', 'absent'] },
  )
  const decision = await hooks.onCreate!(createEvent(), context())
  assert.deepEqual(decision, { id: 'b', metadata: { a: '1' }, key: 'k', limits: { maxSize: 7 }, answer: undefined })
  await hooks.onCreated!(deliveredEvent(), context())
  await assert.rejects(async () => hooks.onProgress!(uploadEvent(), context()), { status: 402 })
  const answer = await hooks.onFinish!(finishEvent(), context())
  assert.deepEqual(answer, { status: 200, body: 'b', headers: { Link: '</x>' } })
  const concat = { kind: 'final', partials: ['p1', 'p2'], field: undefined } as const
  await hooks.onFinished!(
    deliveredEvent({ upload: uploadInfo({ concat, length: 2 ** 40, offset: 2 ** 40 }) }),
    context(),
  )
  await assert.rejects(async () => hooks.onTerminate!(uploadEvent(), context()), { status: 400 })
  await hooks.onTerminated!(deliveredEvent({ request: undefined }), context())
  assert.deepEqual(
    server.received.map(({ request }) => request.type),
    ALL,
  )
  const { request, metadata, left } = server.received[4]!
  assert.deepEqual(request, {
    type: 'post-finish',
    event: {
      upload: {
        id: 'a1',
        size: 2 ** 40,
        sizeIsDeferred: false,
        offset: 2 ** 40,
        metaData: { filename: 'a.txt' },
        isPartial: false,
        isFinal: true,
        partialUploads: ['p1', 'p2'],
        storage: { Type: 's3store', Bucket: 'media', Key: 'in/a1' },
      },
      httpRequest: {
        method: 'PATCH',
        uri: '/files/a1?x=1',
        remoteAddr: '192.0.2.7',
        header: { Host: 'uploads.example', Authorization: 'Bearer hunter2', Cookie: 'a=b', 'X-Trace-Id': '7' },
      },
    },
    deliveryId: 'delivery-1',
  })
  assert.equal(metadata.authorization, 'Bearer hunter2')
  assert.ok(left > 10_000 && left <= 15_000)
})

test('UNAVAILABLE and RESOURCE_EXHAUSTED are tried again', async (test) => {
  const codes = [status.UNAVAILABLE, status.RESOURCE_EXHAUSTED]
  const { server, hooks } = await hooksTo(test, () => {
    const code = codes.shift()
    return code === undefined ? { reply: {} } : { code }
  })
  await hooks.onFinished!(deliveredEvent(), context())
  assert.deepEqual(
    server.received.map(({ request }) => request.deliveryId),
    ['delivery-1', 'delivery-1', 'delivery-1'],
  )
})

test('any other status is a failure at once: it has no status of ours, and quotes nothing', async (test) => {
  const { server, hooks } = await hooksTo(test, () => ({ code: status.PERMISSION_DENIED, details: 'hunter2' }))
  await assert.rejects(
    async () => hooks.onCreate!(createEvent(), context()),
    (error: Error & { status?: number }) => {
      assert.equal(error.message, 'the hook pre-create could not be asked: the service answered PERMISSION_DENIED')
      assert.equal(error.status, undefined)
      return true
    },
  )
  assert.equal(server.received.length, 1)
})

test('a service that hangs has the time limit, and is told that nobody waits any more', async (test) => {
  const { server, hooks } = await hooksTo(
    test,
    ({ request }) => (request.type === 'pre-create' ? undefined : { reply: {} }),
    {
      timeout: 1_000,
    },
  )
  // Connected, so that the next one surely arrives.
  await hooks.onCreated!(deliveredEvent(), context())
  const started = performance.now()
  await assert.rejects(async () => hooks.onCreate!(createEvent(), context()), /no answer in time/)
  assert.ok(performance.now() - started < 5_000)
  await until('it is told', () => server.cancelled === 1)
})

test('a service that went away is a failure, and when it is back it is found', async (test) => {
  const { server, hooks } = await hooksTo(test, () => ({ reply: {} }))
  await hooks.onCreated!(deliveredEvent(), context())
  await server.stop()
  await assert.rejects(async () => hooks.onCreated!(deliveredEvent(), context()), /answered UNAVAILABLE$/)
  await startGrpcServer(test, () => ({ reply: {} }), undefined, server.port)
  const isFound = () =>
    Promise.resolve(hooks.onCreated!(deliveredEvent(), context())).then(
      () => true,
      () => false,
    )
  await until('it is found', isFound)
})

test('TLS: the service must have the certificate that is trusted, and who asks the one that it wants', async (test) => {
  const [own, client, other] = [makeCertificate('service'), makeCertificate('client'), makeCertificate('other')]
  const server = await startGrpcServer(test, () => ({ reply: {} }), { ...own, clients: client.cert })
  const hooksWith = (options: Partial<GrpcHooksOptions>) => {
    const hooks = grpcHooks({ endpoint: server.endpoint, secure: true, retry: 1, ...options })
    test.after(() => hooks.close())
    return async () => hooks.onCreated!(deliveredEvent(), context())
  }
  const shown = { clientCertificate: client.cert, clientKey: client.key }
  await hooksWith({ serverCertificate: own.cert, ...shown })()
  await assert.rejects(hooksWith({ serverCertificate: other.cert, ...shown }), /UNAVAILABLE/)
  await assert.rejects(hooksWith({ ...shown }), /UNAVAILABLE/)
  await assert.rejects(hooksWith({ serverCertificate: own.cert }), /UNAVAILABLE/)
  const shows = { clientCertificate: other.cert, clientKey: other.key }
  await assert.rejects(hooksWith({ serverCertificate: own.cert, ...shows }), /UNAVAILABLE/)
  assert.equal(server.received.length, 1)
})

const impossible: [rule: string, options: Partial<GrpcHooksOptions>, says: RegExp][] = [
  ['a URL', { endpoint: 'http://127.0.0.1:1' }, /^endpoint: must be host:port/],
  ['certificates without TLS', { serverCertificate: 'pem' }, /^secure: /],
  ['a certificate without its key', { secure: true, clientCertificate: 'pem' }, /^clientCertificate: /],
  ['no try', { retry: 0 }, /^retry: /],
  ['a field of the connection', { forwardHeaders: ['te'] }, /^forwardHeaders: /],
]
for (const [rule, options, says] of impossible) {
  test(`options are refused by name: ${rule}`, () => {
    assert.throws(() => grpcHooks({ endpoint: 'a:1', ...options }), { code: 'ERR_INVALID_OPTIONS', message: says })
  })
}

test('without the package @grpc/grpc-js it says what to install, and a hook refuses nothing', (test) => {
  // A copy of dist/ in a folder above which there are no packages.
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bare-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  const dist = join(import.meta.dirname, '..', '..', 'dist')
  for (const name of ['hooks', 'errors.js']) cpSync(join(dist, name), join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(folder, 'main.js'),
    `import { grpcHooks } from './hooks/grpc.js'
    import { redisHooks } from './hooks/redis.js'
    const event = ${JSON.stringify({ ...uploadEvent(), request: REQUEST, deliveryId: 'd' })}
    const { signal } = new AbortController()
    for (const hooks of [grpcHooks({ endpoint: 'a:1' }), redisHooks({ url: 'redis://127.0.0.1:1' })]) {
      await hooks.ready().catch(({ code, message }) => console.log(code, message))
      await hooks.onCreated(event, { signal }).catch(({ status, message }) => console.log(status, message))
      await hooks.close()
    }`,
  )
  const printed = execFileSync(process.execPath, [join(folder, 'main.js')], { encoding: 'utf8', timeout: 20_000 })
  const expected = [
    ['gRPC', '@grpc/grpc-js'],
    ['Redis', '@redis/client'],
  ].flatMap(([what, name]) => {
    const sentence = `hooks: ${what} needs the package ${name}; install it: npm install ${name}`
    return [`ERR_INVALID_OPTIONS ${sentence}`, `undefined the hook post-create could not be asked: ${sentence}`]
  })
  assert.deepEqual(printed.trim().split('\n'), expected)
})
