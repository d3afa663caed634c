/** Uppy and tus-js-client in a real browser, from a page of another origin, into the development bucket. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterwards, temporaryFolder } from '../test/cli/command.js'
import { MortalServer, s3Args, s3Environment } from '../test/support/mortal-server.js'
import { openBrowser, throttle } from './chromium.js'
import { seededDigest, writeSeededFile } from './data.js'
import { type BucketAccess, idOf, objectDigest, openBucket } from './server.js'

const MB = 1_000_000
const NAME = 'Grüße 你好.mp4'

/** Bytes per second. */
const UPLINK = 12 * MB

/** The page and its code, from an origin of their own. */
async function servePage(): Promise<http.Server & { origin: string }> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'page', 'clients.js')],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
  })
  const page = '<!doctype html><title>Clients</title><input type="file" id="picker"><script src="/clients.js"></script>'
  const server = http.createServer((request, response) => {
    const isCode = request.url === '/clients.js'
    response.setHeader('Content-Type', isCode ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8')
    response.end(isCode ? outputFiles[0]!.contents : page)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  return Object.assign(server, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

/** What the page has in its window. */
type Client = { sent: number; done: Promise<string>; stop(): unknown; resume(): unknown }
declare global {
  var client: Client
  var startUppy: (options: object) => void
  var startTus: (options: object) => Promise<void>
  var ask: (url: string, init: object) => Promise<{ status: number; fields: Record<string, string> }>
}

interface Setting {
  readonly page: Page
  /** The file that was picked. */
  readonly path: string
  readonly server: MortalServer
  readonly bucket: BucketAccess
  /** What the page sent, preflights left out. */
  readonly requests: { method: string; concat: string }[]
}

describe('clients in Chromium, on a page of another origin', () => {
  let browser: Browser
  let pages: Awaited<ReturnType<typeof servePage>>
  const closing: (() => unknown)[] = []
  before(async () => {
    pages = await servePage()
    browser = await openBrowser({ after: (close) => void closing.push(close as () => unknown) })
  })
  after(async () => {
    for (const close of closing) await close()
    pages.closeAllConnections()
    pages.close()
  })

  async function open(context: TestContext, seed: number, size: number): Promise<Setting> {
    const folder = temporaryFolder(context)
    const path = join(folder, NAME)
    await writeSeededFile(path, seed, size)
    const bucket = await openBucket(context, folder)
    const server = new MortalServer(context, ['serve', ...s3Args(bucket)], s3Environment(bucket))
    await server.start()
    const page = await browser.newPage()
    afterwards(context, () => page.close())
    const requests: Setting['requests'] = []
    page.on('request', (request) => {
      requests.push({ method: request.method(), concat: request.headers()['upload-concat'] ?? '' })
    })
    await throttle(page, UPLINK)
    await page.goto(pages.origin)
    await page.locator('#picker').setInputFiles(path)
    return { page, path, server, bucket, requests }
  }

  async function reach(page: Page, bytes: number): Promise<void> {
    const deadline = performance.now() + 60_000
    while (!((await page.evaluate(() => globalThis.client.sent)) >= bytes)) {
      assert.ok(performance.now() < deadline, `stands at ${await page.evaluate(() => globalThis.client.sent)} bytes`)
      await sleep(20)
    }
  }

  const finish = ({ page }: Setting): Promise<string> => page.evaluate(() => globalThis.client.done)

  async function isWhole({ bucket }: Setting, url: string, seed: number, size: number): Promise<void> {
    assert.deepEqual(await objectDigest(bucket, idOf(url)), { digest: seededDigest(seed, size), size })
    const told = await fetch(url)
    await told.body?.cancel()
    assert.equal(told.headers.get('Content-Type'), 'video/mp4')
    assert.match(told.headers.get('Content-Disposition') ?? '', /filename\*=UTF-8''Gr%C3%BC%C3%9Fe%20%E4%BD%A0/)
  }

  /** What happens in the middle. */
  const MISHAPS: Record<string, (setting: Setting) => Promise<void>> = {
    'stopped and resumed': async ({ page }) => {
      await page.evaluate(() => globalThis.client.stop())
      await sleep(500)
      await page.evaluate(() => globalThis.client.resume())
    },
    'the server is killed': ({ server }) => server.killAndRestart(),
  }

  const WAYS: [way: string, options: object, sizes: number[]][] = [
    ['one request', {}, [0, 100_000, 24 * MB]],
    ['data with the creation', { uploadDataDuringCreation: true }, [0, 100_000, 24 * MB]],
    ['chunks of 7 MB', { chunkSize: 7 * MB }, [24 * MB]],
    // The drafts of interop versions 5 and 6. Uppy hands the option to tus-js-client.
    ['ietf-draft-03', { protocol: 'ietf-draft-03' }, [0, 24 * MB]],
    ['ietf-draft-05', { protocol: 'ietf-draft-05', uploadDataDuringCreation: true, chunkSize: 7 * MB }, [24 * MB]],
    ['parallelUploads: 4', { parallelUploads: 4 }, [3 * MB, 24 * MB]],
  ]
  /** Sent by the client if asked to, or by an application: CORS lets them pass. */
  const HEADERS = { addRequestId: true, headers: { Authorization: 'Bearer of-the-test' } }
  const RETRIES = { retryDelays: [100, 500, 1_000, 2_000, 4_000, 8_000] }

  for (const client of ['Uppy', 'tus-js-client'] as const) {
    const start = ({ page, server }: Setting, options: object): Promise<void> =>
      page.evaluate(([name, all]) => (name === 'Uppy' ? globalThis.startUppy(all) : globalThis.startTus(all)), [
        client,
        { endpoint: server.url, ...HEADERS, ...RETRIES, ...options },
      ] as const)

    // Uppy sends by tus-js-client, so what both do alike is looked at once.
    for (const [way, options, sizes] of client === 'Uppy' ? WAYS : WAYS.slice(-1)) {
      for (const size of sizes) {
        test(`${client}, ${way}: ${size} bytes`, async (context) => {
          const setting = await open(context, 21, size)
          await start(setting, options)
          await isWhole(setting, await finish(setting), 21, size)
          const finals = setting.requests.filter(({ concat }) => concat.startsWith('final;'))
          assert.equal(finals.length, way.startsWith('parallel') ? 1 : 0)
        })
      }
      const size = sizes.at(-1)!
      for (const [mishap, strike] of Object.entries(MISHAPS)) {
        test(`${client}, ${way}, ${mishap} in the middle: ${size} bytes`, async (context) => {
          const setting = await open(context, 22, size)
          await start(setting, options)
          await reach(setting.page, size * 0.6)
          await strike(setting)
          const url = await finish(setting)
          await isWhole(setting, url, 22, size)
          const { requests } = setting
          if (way === 'data with the creation') return
          assert.ok(
            requests.some(({ method }) => method === 'HEAD'),
            requests.map(({ method }) => method).join(),
          )
        })
      }
    }
  }

  test('tus-js-client, parallelUploads: 4, after a reload in the middle: each partial upload goes on', async (context) => {
    const setting = await open(context, 23, 24 * MB)
    const { page, server, requests } = setting
    const options = { endpoint: server.url, parallelUploads: 4 }
    await page.evaluate((all) => globalThis.startTus(all), options)
    await reach(page, 12 * MB)
    await page.reload()
    await page.locator('#picker').setInputFiles(setting.path)
    const before = requests.length
    await page.evaluate((all) => globalThis.startTus(all), options)
    await isWhole(setting, await finish(setting), 23, 24 * MB)
    const methods = requests.slice(before).map(({ method }) => method)
    assert.equal(methods.filter((method) => method === 'HEAD').length, 4)
    assert.equal(methods.filter((method) => method === 'POST').length, 1, 'the final upload alone')
  })

  test('a page of another origin may send each request, and reads each field that any other client reads', async (context) => {
    const { page, server } = await open(context, 24, 1_000)
    const inside = await everyAnswer(server.url, (url, init) =>
      page.evaluate(([to, how]) => globalThis.ask(to, how), [url, init] as const),
    )
    const outside = await everyAnswer(server.url, async (url, init) => {
      const response = await fetch(url, init)
      await response.arrayBuffer()
      return { status: response.status, fields: Object.fromEntries(response.headers) }
    })
    assert.deepEqual(inside, outside)
  })
})

/** Of `bytes`. */
const DIGEST = createHash('sha256').update('bytes').digest('base64')

type Ask = (url: string, init: RequestInit) => Promise<{ status: number; fields: Record<string, string> }>

/** Of the connection, or for the browser itself. */
const NOT_FOR_PAGES = /^(access-control-|connection$|keep-alive$|date$|vary$|content-security-policy$|x-content-type)/

/** @returns status and names of the fields of an answer of each kind */
async function everyAnswer(endpoint: string, ask: Ask): Promise<string[]> {
  const told: string[] = []
  let protocol: Record<string, string> = { 'Tus-Resumable': '1.0.0' }
  const send = async (method: string, url: string, fields: Record<string, string>, body?: string): Promise<string> => {
    const headers = { ...protocol, ...fields }
    const answer = await ask(url, { method, headers, ...(body === undefined ? {} : { body }) })
    const names = Object.keys(answer.fields).filter((name) => !NOT_FOR_PAGES.test(name))
    told.push(
      `${method} ${JSON.stringify(fields).replaceAll(endpoint, '')}: ${answer.status} ${names.sort().join(' ')}`,
    )
    return answer.fields.location ?? ''
  }
  const named = { 'Upload-Metadata': 'filename YS5iaW4=' }
  const type = { 'Content-Type': 'application/offset+octet-stream' }
  await send('OPTIONS', endpoint, {})
  const url = await send('POST', endpoint, { ...named, 'Upload-Length': '4' })
  await send('HEAD', url, {})
  await send('PATCH', url, { ...type, 'Upload-Offset': '1' }, 'bytes')
  await send('PATCH', url, { ...type, 'Upload-Offset': '0', 'Upload-Checksum': 'crc32 AAAAAA==' }, 'abcd')
  await send('PATCH', url, { ...type, 'Upload-Offset': '0' }, 'abcd')
  await send('HEAD', url, {})
  await send('GET', url, {})
  await send('GET', url, { Range: 'bytes=1-2', 'If-Match': '*' })
  const deferred = await send('POST', endpoint, { 'Upload-Defer-Length': '1', 'X-Request-ID': 'a' })
  await send('HEAD', deferred, {})
  await send('POST', deferred, { ...type, 'X-HTTP-Method-Override': 'PATCH', 'Upload-Offset': '0' }, 'ab')
  const partial = await send('POST', endpoint, { ...type, 'Upload-Length': '2', 'Upload-Concat': 'partial' }, 'ab')
  await send('HEAD', partial, {})
  await send('HEAD', await send('POST', endpoint, { ...named, 'Upload-Concat': `final;${partial}` }), {})
  await send('DELETE', url, {})
  await send('HEAD', url, {})
  for (const version of ['3', '6', '9']) {
    protocol = { 'Upload-Draft-Interop-Version': version }
    const [partly, whole] = ['0', '1'].map(
      (is): Record<string, string> =>
        version === '3' ? { 'Upload-Incomplete': `?${1 - Number(is)}` } : { 'Upload-Complete': `?${is}` },
    ) as [Record<string, string>, Record<string, string>]
    const file = { 'Content-Type': 'text/plain', 'Content-Disposition': 'inline; filename="a.txt"' }
    await send('OPTIONS', endpoint, {})
    await send('POST', endpoint, { ...whole, ...file, 'Repr-Digest': `sha-256=:${DIGEST}:` }, 'bytes')
    const created = await send('POST', endpoint, { ...partly, ...file, 'Upload-Length': '10' })
    const part = { 'Content-Type': 'application/partial-upload', 'Content-Digest': `sha-256=:${DIGEST}:` }
    await send('PATCH', created, { ...part, ...partly, 'Upload-Offset': '0' }, 'bytes')
    await send('PATCH', created, { ...part, ...partly, 'Upload-Offset': '0' }, 'bytes')
    await send('HEAD', created, {})
    await send('PATCH', created, { ...part, ...whole, 'Upload-Offset': '5', 'Want-Repr-Digest': 'sha-256=1' }, 'bytes')
    await send('HEAD', created, {})
    await send('DELETE', created, {})
  }
  return told.map((line) => line.replace(/[0-9a-f]{32}/g, 'ID'))
}
