/** `--workers` as it is run: a primary, two workers, a bucket over HTTP. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificate } from '../support/certificate.js'
import { s3Args, s3Environment } from '../support/mortal-server.js'
import { idOf, type OpenBucket, openBucket, sha256, someBytes } from '../support/stack.js'
import {
  append,
  ask,
  create,
  isAlive,
  offsetAt,
  stall,
  startWorkers,
  until,
  type WorkersServer,
} from '../support/workers.js'
import { afterwards, runCommand, temporaryFolder } from './command.js'

const KiB = 1024
const MiB = 1024 * KiB

async function overBucket(
  context: TestContext,
  args: readonly string[] = [],
): Promise<{ bucket: OpenBucket; server: WorkersServer }> {
  const bucket = await openBucket()
  afterwards(context, () => bucket.close())
  const server = await startWorkers(context, [...s3Args(bucket.bucket), ...args], s3Environment(bucket.bucket))
  return { bucket, server }
}

/** Two PATCHes that hang, one at each worker. */
async function hangAtBoth(server: WorkersServer, bytes: Buffer, sent: number) {
  const hanging = []
  // A connection goes to each worker in turn.
  for (const _ of [1, 2]) {
    const url = await create(server.url, bytes.length)
    await offsetAt(url)
    hanging.push({ url, stalled: await stall(url, 0, bytes.length, bytes.subarray(0, sent)) })
  }
  await sleep(300)
  return hanging
}

test('chunks over connections of their own go to several workers, and the object has the bytes of the file', async (context) => {
  const { bucket, server } = await overBucket(context)
  const bytes = someBytes(18 * MiB)
  const url = await create(server.url, bytes.length)
  for (let offset = 0; offset < bytes.length; offset += 1.5 * MiB) {
    const answer = await append(url, offset, bytes.subarray(offset, offset + 1.5 * MiB))
    assert.equal(answer.status, 204, answer.text)
  }
  assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  await server.logged('request', 13)
  assert.deepEqual(server.servedBy(), [1, 2])
  const patches = server.lines('request').filter(({ method }) => method === 'PATCH')
  assert.deepEqual([...new Set(patches.map(({ worker }) => worker))].sort(), [1, 2])
  assert.equal(server.stdout.match(/You can now upload/g)?.length, 1, 'the banner is printed once')
})

test('a PATCH that hangs at one worker yields to HEAD and PATCH at the other, without a request to S3 for it', async (context) => {
  const { bucket, server } = await overBucket(context, ['--yield-timeout', '10s'])
  const bytes = someBytes(300 * KiB)
  const url = await create(server.url, bytes.length)
  const hanging = await stall(url, 0, bytes.length, bytes.subarray(0, 100 * KiB))
  await sleep(300)
  bucket.bucket.requests.reset()
  const started = performance.now()
  assert.equal(await offsetAt(url), 100 * KiB)
  const took = performance.now() - started
  assert.ok(took < 2_000, `HEAD took ${took} ms`)
  // The tail and the record that were yet to be stored, and the look at the record.
  assert.deepEqual(Object.fromEntries(bucket.bucket.requests), { PutObject: 2, GetObject: 1 })
  assert.equal((await hanging.answer)?.status, 409)
  // So does a PATCH that comes while another hangs.
  const again = await stall(url, 100 * KiB, 200 * KiB, bytes.subarray(100 * KiB, 150 * KiB))
  await sleep(300)
  const late = performance.now()
  const refused = await append(url, 100 * KiB, bytes.subarray(100 * KiB))
  assert.ok(performance.now() - late < 2_000)
  assert.equal(refused.status, 409, 'the other had stored more by then')
  assert.equal((await again.answer)?.status, 409)
  assert.equal((await append(url, 150 * KiB, bytes.subarray(150 * KiB))).status, 204)
  assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  const of = (method: string) => server.lines('request').filter((line) => line.method === method)
  await until(() => of('PATCH').length === 4 && of('HEAD').length === 1)
  const [first] = of('PATCH')
  assert.notEqual(first!.worker, of('HEAD')[0]!.worker)
})

test('a worker that is killed in the midst of a PATCH is replaced, and the upload goes on; the other worker is not disturbed', async (context) => {
  const { bucket, server } = await overBucket(context)
  const bytes = someBytes(20 * MiB)
  const { pids } = await server.counters()
  // Each connection goes to the next worker: so these two hang at different ones.
  const urls = [await create(server.url, bytes.length), await create(server.url, bytes.length)]
  const [doomed, other] = [
    await stall(urls[0]!, 0, bytes.length, bytes.subarray(0, 12 * MiB)),
    await stall(urls[1]!, 0, bytes.length, bytes.subarray(0, 12 * MiB)),
  ]
  // Until a part of each is committed.
  await until(
    async () => (await bucket.multiparts(idOf(urls[0]!))) === 1 && (await bucket.multiparts(idOf(urls[1]!))) === 1,
  )
  await sleep(1_200)
  for (const one of [doomed, other]) await one.send(bytes.subarray(12 * MiB, 18 * MiB))
  await sleep(500)
  const victim = pids.get(1)!
  process.kill(victim, 'SIGKILL')
  const broken = await Promise.race([
    doomed.answer.then(() => ({ url: urls[0]!, goesOn: other, spared: urls[1]! })),
    other.answer.then(() => ({ url: urls[1]!, goesOn: doomed, spared: urls[0]! })),
  ])
  const [ended] = await server.logged('a worker has ended; another takes its place')
  assert.deepEqual([ended!.worker, ended!.signal], [1, 'SIGKILL'])
  const offset = await offsetAt(broken.url)
  assert.ok(offset! >= 8 * MiB, `${offset} bytes were committed`)
  assert.equal((await append(broken.url, offset!, bytes.subarray(offset))).status, 204)
  assert.equal((await bucket.object(idOf(broken.url))).sha256, sha256(bytes))
  await broken.goesOn.send(bytes.subarray(18 * MiB))
  assert.equal((await broken.goesOn.answer)?.status, 204)
  assert.equal((await bucket.object(idOf(broken.spared))).sha256, sha256(bytes))
  await until(async () => (await server.counters()).pids.size === 2)
  const { pids: now } = await server.counters()
  assert.equal(now.get(2), pids.get(2))
  assert.notEqual(now.get(1), victim)
  const byFirst = (): number => server.lines('request').filter(({ worker }) => worker === 1).length
  const before = byFirst()
  await until(async () => {
    await create(server.url, 1)
    return byFirst() > before
  })
})

test('the connection that a worker was given and had not taken yet when it died breaks, and does not hang', async (context) => {
  const { server } = await overBucket(context)
  const { pids } = await server.counters()
  for (const pid of pids.values()) process.kill(pid, 'SIGSTOP')
  afterwards(context, () => {
    for (const pid of pids.values()) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  const waiting = [1, 2].map(() =>
    ask(server.url, 'OPTIONS').then(
      ({ status }) => status,
      () => 'broken',
    ),
  )
  await sleep(500)
  process.kill(pids.get(1)!, 'SIGKILL')
  assert.equal(await Promise.race([...waiting, sleep(5_000, 'nothing', { ref: false })]), 'broken')
  process.kill(pids.get(2)!, 'SIGCONT')
  assert.deepEqual((await Promise.all(waiting)).sort(), [204, 'broken'])
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: what came of the uploads at all workers is committed, they are answered 503, and the exit code is 0`, async (context) => {
    const { bucket, server } = await overBucket(context)
    const bytes = someBytes(100 * KiB)
    const hanging = await hangAtBoth(server, bytes, 40 * KiB)
    server.child.kill(signal)
    for (const { stalled } of hanging) assert.equal((await stalled.answer)?.status, 503)
    assert.equal(await server.ended, 0)
    assert.deepEqual(
      server
        .lines('stopping')
        .map(({ worker }) => worker)
        .sort(),
      [1, 2],
    )
    for (const { url } of hanging) {
      const record = JSON.parse((await bucket.object(`${idOf(url)}.info`)).bytes.toString())
      assert.equal(record.Offset, 40 * KiB)
    }
    const { requests, created, bytesStored } = server.lines('stopped').at(-1)!
    assert.deepEqual({ requests, created, bytesStored }, { requests: 6, created: 2, bytesStored: 80 * KiB })
  })
}

test('the primary is killed: the workers store what they have, and end', async (context) => {
  const { bucket, server } = await overBucket(context)
  const { pids } = await server.counters()
  const bytes = someBytes(100 * KiB)
  const hanging = await hangAtBoth(server, bytes, 40 * KiB)
  server.child.kill('SIGKILL')
  for (const { stalled } of hanging) assert.equal((await stalled.answer)?.status, 503)
  for (const pid of pids.values()) await until(() => !isAlive(pid))
  for (const { url } of hanging) {
    const record = JSON.parse((await bucket.object(`${idOf(url)}.info`)).bytes.toString())
    assert.equal(record.Offset, 40 * KiB)
  }
})

test('a second signal ends it at once, also a worker that hangs', async (context) => {
  const { server } = await overBucket(context)
  const { pids } = await server.counters()
  process.kill(pids.get(2)!, 'SIGSTOP')
  afterwards(context, () => {
    if (isAlive(pids.get(2)!)) process.kill(pids.get(2)!, 'SIGKILL')
  })
  server.child.kill('SIGTERM')
  await server.logged('stopping')
  server.child.kill('SIGTERM')
  for (const pid of pids.values()) await until(() => !isAlive(pid))
  assert.equal(await server.ended, 1)
})

test('a Ctrl-C, which reaches workers too, is the business of the primary; SIGTERM has a worker replaced in order', async (context) => {
  const { server } = await overBucket(context)
  const { pids } = await server.counters()
  for (const pid of pids.values()) process.kill(pid, 'SIGINT')
  for (const pid of pids.values()) process.kill(pid, 'SIGUSR2')
  await sleep(300)
  assert.deepEqual((await server.counters()).pids, pids)
  process.kill(pids.get(2)!, 'SIGTERM')
  const [ended] = await server.logged('a worker has ended; another takes its place')
  assert.deepEqual([ended!.worker, ended!.exitCode], [2, 0])
  await until(async () => (await server.counters()).pids.size === 2)
})

test('what the workers count is summed, and what one that was killed has told is not lost', async (context) => {
  const { server } = await overBucket(context)
  const bytes = someBytes(10_000)
  for (let uploads = 0; uploads < 4; uploads++) {
    const url = await create(server.url, bytes.length)
    assert.equal((await append(url, 0, bytes)).status, 204)
    assert.equal(await offsetAt(url), bytes.length)
  }
  const expected = { requests: 12, created: 4, finished: 4, bytesStored: 40_000 }
  const sums = async () => {
    const { requests, created, finished, bytesStored } = (await server.counters()).sum
    return { requests, created, finished, bytesStored }
  }
  await sleep(1_500)
  const { each, pids } = await server.counters()
  assert.ok(
    each.every(({ requests }) => (requests as number) > 0),
    'each has served',
  )
  assert.deepEqual(await sums(), expected)
  process.kill(pids.get(1)!, 'SIGKILL')
  await server.logged('a worker has ended; another takes its place')
  assert.deepEqual(await sums(), expected)
  await create(server.url, 1)
  server.child.kill('SIGTERM')
  assert.equal(await server.ended, 0)
  const { requests, created } = server.lines('stopped').at(-1)!
  assert.deepEqual([requests, created], [13, 5], 'also what was done in the last moment')
})

test('one worker sweeps, and another takes that over with its place', async (context) => {
  const { server } = await overBucket(context, ['--sweep-interval', '100ms'])
  const sweepers = async (count: number) => new Set((await server.logged('swept', count)).map(({ worker }) => worker))
  assert.deepEqual(await sweepers(4), new Set([1]))
  const { pids } = await server.counters()
  process.kill(pids.get(1)!, 'SIGKILL')
  await server.logged('a worker has ended; another takes its place')
  await sleep(100)
  assert.deepEqual(await sweepers(server.lines('swept').length + 4), new Set([1]))
})

test('in a folder, a PATCH that hangs at one worker yields to the other at once', async (context) => {
  const server = await startWorkers(context, ['--upload-dir', temporaryFolder(context)])
  const bytes = someBytes(100 * KiB)
  const url = await create(server.url, bytes.length)
  const hanging = await stall(url, 0, bytes.length, bytes.subarray(0, 40 * KiB))
  await sleep(300)
  const started = performance.now()
  assert.equal(await offsetAt(url), 40 * KiB)
  assert.ok(performance.now() - started < 1_000)
  assert.equal((await hanging.answer)?.status, 409)
  assert.equal((await append(url, 40 * KiB, bytes.subarray(40 * KiB))).status, 204)
  const content = await fetch(url)
  assert.equal(sha256(new Uint8Array(await content.arrayBuffer())), sha256(bytes))
})

describe('with TLS', () => {
  const start = async (context: TestContext) => {
    const folder = temporaryFolder(context)
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
    const write = (name: string): string => {
      const { cert, key } = makeCertificate(name)
      writeFileSync(files.cert, cert)
      writeFileSync(files.key, key)
      return cert
    }
    const ca = write('first')
    const args = ['--upload-dir', join(folder, 'data'), '--tls-cert', files.cert, '--tls-key', files.key]
    return { server: await startWorkers(context, args), ca, files, write }
  }

  test('all workers serve it, and at SIGHUP all read the certificate again', async (context) => {
    const { server, ca, write } = await start(context)
    for (let uploads = 0; uploads < 4; uploads++) await create(server.url, 1, ca)
    await until(() => server.servedBy().length === 2)
    const renewed = write('second')
    server.child.kill('SIGHUP')
    const read = await server.logged('the certificate was read again', 2)
    assert.deepEqual(read.map(({ worker }) => worker).sort(), [1, 2])
    for (let uploads = 0; uploads < 4; uploads++) await create(server.url, 1, renewed)
    await assert.rejects(create(server.url, 1, ca))
  })

  test('all workers speak HTTP/2, with TLS and without', async (context) => {
    const { server, ca } = await start(context)
    const plain = await startWorkers(context, ['--h2c', '--upload-dir', temporaryFolder(context)])
    for (const { url, servedBy } of [server, plain]) {
      for (let connections = 0; connections < 2; connections++) {
        const client = http2.connect(url, { ca })
        const fields = { ':method': 'POST', ':path': '/files/', 'tus-resumable': '1.0.0', 'upload-length': '5' }
        const [answer] = await once(client.request(fields), 'response')
        assert.equal(answer[':status'], 201)
        client.close()
      }
      await until(() => servedBy().length === 2)
    }
  })

  test('a place whose workers end again and again before they can serve ends the server: a sentence, and exit code 1', async (context) => {
    const { server, files } = await start(context)
    const { pids } = await server.counters()
    rmSync(files.key)
    process.kill(pids.get(2)!, 'SIGKILL')
    assert.equal(await server.ended, 1)
    assert.match(
      server.stderr,
      /^holdfast: Worker 2 ended 6 times in a row before it could serve \(.*\), so the server ends\.$/m,
    )
    assert.match(server.stderr, /^holdfast: The certificate .* cannot be used/m)
    const pauses = server.lines('a worker has ended; another takes its place').map(({ pause }) => pause)
    assert.deepEqual(pauses, [0, 250, 500, 1_000, 2_000, 4_000])
    assert.equal(isAlive(pids.get(1)!), false)
  })
})

describe('what cannot work is told as without workers', () => {
  const serve = (...args: string[]) =>
    runCommand(['serve', '--port', '0', ...args], { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })
  for (const [what, args, sentence] of [
    [
      'memory that is less than a part each',
      ['--workers', '40', '--s3-bucket', 'b'],
      /^holdfast: --workers: 40 need a --buffer-memory \(128MiB\) of 40 times --s3-part-size \(8MiB\) at least\.$/m,
    ],
    [
      'fewer requests than workers',
      ['--workers', '33', '--s3-bucket', 'b', '--buffer-memory', '1GiB'],
      /^holdfast: --workers: 33 need a --s3-concurrent-part-uploads \(32\) of as many at least\.$/m,
    ],
    ['no number of workers', ['--workers', 'many'], /^holdfast: --workers: 'many' is neither a number nor auto\.$/m],
    ['no worker', ['--workers', '0'], /^holdfast: --workers: '0' is less than 1\.$/m],
    [
      'what a worker finds out',
      ['--workers', '2', '--s3-bucket', 'b', '--s3-endpoint', 'nonsense'],
      /^holdfast: --s3-endpoint: 'nonsense' is not a URL/m,
    ],
  ] as const) {
    test(what, async () => {
      const { code, stderr } = await serve(...args)
      assert.equal(code, 2)
      assert.match(stderr, sentence)
      assert.equal(stderr.match(/^holdfast: /gm)?.length, 1, 'once')
      assert.doesNotMatch(stderr, /^ +at /m)
    })
  }

  test('a bucket without conditional writes: refused, unless there is no other server', async (context) => {
    const bucket = await openBucket({ quirks: { conditions: 'ignored' } })
    afterwards(context, () => bucket.close())
    const args = ['--workers', '2', ...s3Args(bucket.bucket)]
    const environment = s3Environment(bucket.bucket)
    const { code, stderr } = await runCommand(['serve', '--port', '0', ...args], environment)
    assert.equal(code, 2)
    assert.match(stderr, /^holdfast: --locker-redis: this bucket has no conditional writes/m)
    const server = await startWorkers(context, ['--single-process', ...args], environment)
    const bytes = someBytes(100 * KiB)
    const url = await create(server.url, bytes.length)
    for (let offset = 0; offset < bytes.length; offset += 10 * KiB) {
      assert.equal((await append(url, offset, bytes.subarray(offset, offset + 10 * KiB))).status, 204)
    }
    assert.equal((await bucket.object(idOf(url))).sha256, sha256(bytes))
  })

  test('a port that another process has is one sentence and exit code 1', async (context) => {
    const folder = temporaryFolder(context)
    const server = await startWorkers(context, ['--upload-dir', folder])
    const { port } = new URL(server.url)
    const { code, stderr } = await runCommand(['serve', '--port', port, '--workers', '2', '--upload-dir', folder])
    assert.equal(code, 1)
    assert.match(stderr, /^holdfast: Another process listens on 127\.0\.0\.1:\d+; choose another --port\.$/m)
  })
})

test('health is answered by each worker', async (context) => {
  const server = await startWorkers(context, ['--upload-dir', temporaryFolder(context), '--workers', 'auto'])
  for (let times = 0; times < 4; times++)
    assert.equal((await ask(new URL('/healthz', server.url).href, 'GET')).status, 200)
})

test('workers have the configuration that a pipe gave their primary', async (context) => {
  const folder = temporaryFolder(context)
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const starting = startWorkers(context, ['--config', fifo])
  await writeFile(fifo, `base-path: /piped\nupload-dir: ${folder}\n`)
  const server = await starting
  assert.match(server.url, /\/piped\/$/)
  await create(server.url, 1)
})

test('a worker that is replaced goes by what the configuration file said at the start', async (context) => {
  const folder = temporaryFolder(context)
  const file = join(folder, 'holdfast.yaml')
  writeFileSync(file, `base-path: /before\nupload-dir: ${folder}\n`)
  const server = await startWorkers(context, ['--config', file])
  assert.match(server.url, /\/before\/$/)
  const { pids } = await server.counters()
  writeFileSync(file, 'base-path: [this, is, none')
  process.kill(pids.get(2)!, 'SIGKILL')
  await server.logged('a worker has ended; another takes its place')
  await until(async () => {
    await create(server.url, 1)
    return server.servedBy().length === 2
  }, 'the new worker serves')
})
