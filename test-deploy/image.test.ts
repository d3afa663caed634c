/** deploy/Dockerfile: what hadolint says, and the image as it is built and run. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BUCKET, openBucket, sha256, someBytes } from '../test/support/stack.js'
import { upload } from '../test/support/tus-js-client.js'
import { freePorts } from '../test-providers/servers/process.js'
import { buildImage, execute, type Image, namesIn, startContainer } from './image.js'
import { DEPLOY, isChosen, ROOT, run, toolOf } from './tools.js'

const MiB = 1024 * 1024

if (isChosen('dockerfile')) {
  test('hadolint finds nothing in deploy/Dockerfile', () => {
    const { code, text } = run(toolOf('hadolint'), ['--no-color', join(DEPLOY, 'Dockerfile')])
    assert.equal(text, '')
    assert.equal(code, 0)
  })

  test('hadolint finds a mistake', () => {
    const text = readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8').replace('WORKDIR /app', 'WORKDIR app')
    const { code, stdout } = run(toolOf('hadolint'), ['--no-color', '-'], { input: text })
    assert.equal(code, 1)
    assert.match(stdout, /DL3000/)
  })
}

if (isChosen('image')) {
  describe('the image', () => {
    const cleanups: (() => unknown)[] = []
    const suite = { after: (fn: () => unknown) => void cleanups.push(fn) } as unknown as TestContext
    let image: Image
    before(() => {
      image = buildImage(suite)
    })
    after(async () => {
      for (const cleanup of cleanups) await cleanup()
    })

    async function started(context: TestContext, variables: Record<string, string>) {
      const [port] = (await freePorts(1)) as [number]
      const all = { HOLDFAST_PORT: String(port), ...variables }
      const container = await startContainer(context, image, all)
      const check = () => execute(image, all, image.config.Healthcheck.Test.slice(1)).code
      for (let tries = 0; check() !== 0; tries++) {
        assert.ok(tries < 50, `it does not become healthy: ${container.stderr}`)
        await sleep(200)
      }
      return { container, check, endpoint: `http://127.0.0.1:${port}/files/` }
    }

    test('it has what serves, and nothing else', () => {
      assert.deepEqual(namesIn(image, '/app').sort(), ['LICENSE', 'dist', 'node_modules', 'package.json'])
      const modules = namesIn(image, '/app/node_modules')
      for (const name of ['typescript', 'esbuild', 'playwright-core', 'tsx']) assert.ok(!modules.includes(name), name)
    })

    test('it has the optional peers, in the versions of the lock file', () => {
      const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
        packages: Record<string, { version: string; peerDependencies?: Record<string, string> }>
      }
      const names = Object.keys(packages['']!.peerDependencies ?? {})
      assert.ok(names.includes('@redis/client'))
      for (const name of names) {
        const path = join(image.root, 'app/node_modules', name, 'package.json')
        const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string }
        assert.equal(version, packages[`node_modules/${name}`]!.version, name)
      }
    })

    test('its user is not root, as a number', () => assert.match(image.config.User, /^[1-9]\d*:[1-9]\d*$/))

    test('it listens on the port that it exposes', () => {
      const port = image.config.Env.find((line) => line.startsWith('HOLDFAST_PORT='))?.split('=')[1]
      assert.deepEqual(Object.keys(image.config.ExposedPorts), [`${port}/tcp`])
    })

    test('it tells its version', () => {
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
      assert.equal(execute(image, {}, [...image.config.Entrypoint, '--version']).stdout.trim(), version)
    })

    test('as process 1 over a bucket, with a root that nobody can write: SIGTERM stores what came, and ends it with 0', async (context) => {
      const bucket = await openBucket()
      context.after(() => bucket.close())
      const { endpoint: url, credentials } = bucket.bucket
      const { container, check, endpoint } = await started(context, {
        HOLDFAST_S3_BUCKET: BUCKET,
        HOLDFAST_S3_ENDPOINT: url,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      })
      const status = readFileSync(`/proc/${container.pid}/status`, 'utf8')
      assert.match(status, /^Name:\s+node$/m)
      assert.match(status, /^NSpid:\s+\d+\s+1$/m)
      assert.match(status, /^Uid:\s+1000\s+1000\s+1000\s+1000$/m)
      const bytes = someBytes(20 * MiB)
      const sent = upload(bytes, { endpoint })
      const { url: finished } = await sent
      assert.equal((await bucket.object(new URL(finished).pathname.split('/').at(-1)!)).sha256, sha256(bytes))
      process.kill(container.pid, image.config.StopSignal as NodeJS.Signals)
      assert.equal(await container.ended, 0)
      assert.match(container.stderr, /"stopped"/)
      assert.equal(check(), 1, 'and the health check says so')
    })

    test('over a folder, which is its volume', async (context) => {
      const { container, endpoint } = await started(context, {})
      const bytes = someBytes(3 * MiB)
      const { url } = await upload(bytes, { endpoint })
      const path = join(image.root, 'data', new URL(url).pathname.split('/').at(-1)!)
      assert.equal(sha256(readFileSync(path)), sha256(bytes))
      assert.equal(statSync(path).uid, 1000)
      process.kill(container.pid, 'SIGTERM')
      assert.equal(await container.ended, 0)
    })
  })
}
