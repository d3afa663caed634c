/** deploy/systemd under a real systemd: the units as they are shipped, with all that they forbid. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBucket, sha256, someBytes, TUS } from '../test/support/stack.js'
import { type Options, upload } from '../test/support/tus-js-client.js'
import { freePorts } from '../test-providers/servers/process.js'
import { bootSystemd, type Machine } from './booted.js'
import { DEPLOY, isChosen, ROOT, toolOf } from './tools.js'

const MiB = 1024 * 1024
const FOLDER = join(DEPLOY, 'systemd')
const UNITS = readdirSync(FOLDER).filter((name) => /\.(service|timer)$/.test(name))

/** As deploy/systemd/holdfast.env is, but for these. */
function environmentFile(changes: Readonly<Record<string, string | undefined>>): string {
  const lines = readFileSync(join(FOLDER, 'holdfast.env'), 'utf8').split('\n')
  const kept = lines.filter((line) => !Object.keys(changes).some((name) => line.startsWith(`${name}=`)))
  const set = Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
  return [...kept, ...set, ''].join('\n')
}

if (isChosen('booted')) {
  for (const store of ['a bucket', 'a folder'] as const) {
    describe(`the service over ${store}`, () => {
      const cleanups: (() => unknown)[] = []
      let machine: Machine
      let bucket: Awaited<ReturnType<typeof openBucket>>
      let endpoint: string
      before(async () => {
        toolOf('systemd-analyze')
        bucket = await openBucket()
        cleanups.push(() => bucket.close())
        const [port] = (await freePorts(1)) as [number]
        endpoint = `http://127.0.0.1:${port}/files/`
        const { endpoint: s3, credentials } = bucket.bucket
        const changes =
          store === 'a bucket'
            ? { HOLDFAST_S3_ENDPOINT: s3 }
            : { HOLDFAST_S3_BUCKET: undefined, HOLDFAST_UPLOAD_DIR: '/var/lib/holdfast/uploads' }
        const keys = `[default]\naws_access_key_id = ${credentials.accessKeyId}\naws_secret_access_key = ${credentials.secretAccessKey}\n`
        const units = Object.fromEntries(UNITS.map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]))
        const files = {
          '/etc/holdfast/holdfast.env': environmentFile({ HOLDFAST_PORT: String(port), ...changes }),
          '/etc/holdfast/aws-credentials': keys,
        }
        machine = await bootSystemd({ after: (fn) => void cleanups.unshift(fn as () => unknown) }, units, files, ROOT)
        await machine.systemctl('start', 'holdfast.service')
        await until('it serves', async () => (await fetch(new URL('/healthz', endpoint))).ok)
      })
      after(async () => {
        for (const cleanup of cleanups) await cleanup()
      })

      async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
        for (let tries = 0; !(await holds().catch(() => false)); tries++) {
          assert.ok(tries < 150, `not within 15 seconds: ${what}\n${machine.log()}`)
          await sleep(100)
        }
      }

      /** What came back, by who sent it. */
      async function isWhole(url: string, bytes: Buffer): Promise<void> {
        const answer = await fetch(url)
        assert.equal(answer.status, 200)
        assert.equal(sha256(new Uint8Array(await answer.arrayBuffer())), sha256(bytes))
      }
      const send = (bytes: Buffer, options: Partial<Options> = {}) =>
        upload(bytes, { endpoint, chunkSize: 2 * MiB, retryDelays: Array.from({ length: 80 }, () => 100), ...options })

      test('it is not root, has no capability, can get none, and its system calls are filtered', async () => {
        const status = readFileSync(`/proc/${await machine.pidOf('holdfast.service')}/status`, 'utf8')
        const [, uid] = /^Uid:\t(\d+)/m.exec(status)!
        assert.notEqual(uid, '0')
        assert.match(status, /^CapEff:\t0+$/m)
        assert.match(status, /^CapBnd:\t0+$/m)
        assert.match(status, /^NoNewPrivs:\t1$/m)
        assert.match(status, /^Seccomp:\t2$/m)
      })

      if (store === 'a bucket') {
        test('its keys are not in its environment', async () => {
          const environment = readFileSync(`/proc/${await machine.pidOf('holdfast.service')}/environ`, 'utf8')
          assert.ok(environment.includes('AWS_SHARED_CREDENTIALS_FILE='))
          assert.ok(!environment.includes(bucket.bucket.credentials.secretAccessKey))
        })
      }

      test('an upload goes on after the process was killed: systemd starts it anew', async () => {
        const bytes = someBytes(20 * MiB)
        const first = await machine.pidOf('holdfast.service')
        assert.ok(first > 1)
        let isKilled = false
        const { url } = await send(bytes, {
          onChunkComplete: (_, accepted) => {
            if (isKilled || accepted < 8 * MiB) return
            isKilled = true
            process.kill(first, 'SIGKILL')
          },
        })
        await isWhole(url, bytes)
        assert.ok(isKilled)
        assert.equal(await machine.property('holdfast.service', 'NRestarts'), '1')
        assert.notEqual(await machine.pidOf('holdfast.service'), first)
      })

      test('it ends in order when it is stopped, and an upload that was cut off goes on', async () => {
        const bytes = someBytes(3 * MiB)
        const made = await fetch(endpoint, {
          method: 'POST',
          headers: { ...TUS, 'Upload-Length': String(bytes.length) },
        })
        const url = made.headers.get('Location')!
        const { url: sent, stopped } = await cutOff(url, bytes)
        assert.equal(sent, url)
        assert.equal(stopped, 'success 0')
        await isWhole(url, bytes)
      })

      async function cutOff(url: string, bytes: Buffer): Promise<{ url: string; stopped: string }> {
        const half = bytes.subarray(0, bytes.length / 2)
        const body = new ReadableStream({ start: (controller) => controller.enqueue(half) })
        const headers = { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' }
        const cut = fetch(url, { method: 'PATCH', headers, body, duplex: 'half' } as RequestInit).then(
          ({ status }) => status,
          () => 0,
        )
        await sleep(500)
        await machine.systemctl('stop', 'holdfast.service')
        const result = await machine.property('holdfast.service', 'Result')
        const status = await machine.property('holdfast.service', 'ExecMainStatus')
        assert.ok([0, 503].includes(await cut))
        await machine.systemctl('start', 'holdfast.service')
        await until('it serves again', async () => (await fetch(new URL('/healthz', endpoint))).ok)
        const head = await fetch(url, { method: 'HEAD', headers: TUS })
        assert.equal(head.headers.get('Upload-Offset'), String(half.length))
        const rest = await send(bytes, { uploadUrl: url })
        return { url: rest.url, stopped: `${result} ${status}` }
      }

      test('a sweep beside it comes to its end, as the same user', async () => {
        await machine.systemctl('start', 'holdfast-sweep.service')
        assert.equal(await machine.property('holdfast-sweep.service', 'Result'), 'success')
        assert.match(machine.log(), /\d+ records listed/)
      })

      test('the timer is for the next hour', async () => {
        await machine.systemctl('start', 'holdfast-sweep.timer')
        const next = Date.parse(
          (await machine.property('holdfast-sweep.timer', 'NextElapseUSecRealtime')).replace(/^\w+ /, ''),
        )
        assert.ok(next > Date.now() && next < Date.now() + 90 * 60_000, new Date(next).toISOString())
      })

      test('it did not complain', () => {
        assert.doesNotMatch(machine.log(), /EPERM|EROFS|EACCES|unhandled|uncaught/)
      })
    })
  }
}
