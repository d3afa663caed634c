import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder } from '../test/cli/command.js'
import { BUCKET, openBucket } from '../test/support/bucket.js'
import { MortalServer } from '../test/support/mortal-server.js'
import { openBrowser } from './chromium.js'

const TUS = { 'Tus-Resumable': '1.0.0' }
const AUTH = 'admin:correct horse'

async function create(url: string, name: string, length: number): Promise<string> {
  const metadata = `filename ${Buffer.from(name).toString('base64')}`
  const headers = { ...TUS, 'Upload-Length': String(length), 'Upload-Metadata': metadata }
  const created = await fetch(url, { method: 'POST', headers })
  assert.equal(created.status, 201)
  return created.headers.get('Location')!
}

/** A PATCH that brings so many bytes a second, until it has brought all or is stopped. */
function trickle(
  location: string,
  offset: number,
  length: number,
  rate: number,
): { stop(): void; ended: Promise<number> } {
  const stopping = new AbortController()
  const body = (async function* () {
    for (let at = offset; at < length; at += rate / 10) {
      yield Buffer.alloc(Math.min(rate / 10, length - at), 'x')
      await sleep(100)
    }
  })()
  const headers = { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(offset) }
  const init = { method: 'PATCH', headers, body, duplex: 'half', signal: stopping.signal }
  const ended = fetch(location, init as unknown as RequestInit).then(
    ({ status }) => status,
    () => 0,
  )
  return { stop: () => stopping.abort(), ended }
}

async function inBucket(context: TestContext): Promise<{ args: string[]; env: Record<string, string> }> {
  const { bucket, close } = await openBucket()
  context.after(close)
  const { accessKeyId, secretAccessKey } = bucket.credentials
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
  return { args: ['--s3-bucket', BUCKET, '--s3-endpoint', bucket.endpoint], env }
}

for (const workers of [1, 2]) {
  test(`the status page shows uploads as they go on and end, and terminates one (${workers} workers)`, async (context) => {
    const folder = temporaryFolder(context)
    const { args, env } =
      workers === 1 ? await inBucket(context) : { args: ['--upload-dir', join(folder, 'data')], env: {} }
    const serve = ['serve', '--ui', ...args, '--workers', String(workers)]
    const server = new MortalServer(context, serve, { ...env, HOLDFAST_UI_AUTH: AUTH })
    await server.start()
    const [user, password] = AUTH.split(':') as [string, string]
    const browser = await openBrowser(context)
    const options = { viewport: { width: 1180, height: 900 }, deviceScaleFactor: 2 }
    assert.equal((await fetch(new URL('/status/', server.url))).status, 401)
    const page = await (
      await browser.newContext({ ...options, httpCredentials: { username: user, password } })
    ).newPage()
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    await page.goto(new URL('/status/', server.url).href)
    await page.getByText('live', { exact: true }).waitFor()
    await page.getByText('Nothing is being uploaded.').waitFor()

    const [film, notes, dump] = await Promise.all([
      create(server.url, 'holiday film.mp4', 160_000_000),
      create(server.url, 'notes.txt', 3_000),
      create(server.url, 'database dump.sql.gz', 90_000_000),
    ])
    const sending = [trickle(film, 0, 160_000_000, 4_000_000), trickle(dump, 0, 90_000_000, 1_500_000)]
    const done = trickle(notes, 0, 3_000, 30_000)
    assert.equal(await done.ended, 204)
    const row = (name: string) => page.locator('#uploads tr', { hasText: name })
    await row('holiday film.mp4')
      .getByText(/^[1-9]\d* %$/)
      .waitFor()
    await row('holiday film.mp4')
      .getByText(/MB\/s$/)
      .waitFor()
    await row('database dump.sql.gz').getByText('127.0.0.1').waitFor()
    await page.locator('#ended tr', { hasText: 'notes.txt' }).getByText('finished').waitFor()
    const shown = async (): Promise<number> =>
      Number(await row('holiday film.mp4').locator('progress').getAttribute('value'))
    const before = await shown()
    for (let tries = 0; tries < 100 && (await shown()) <= before; tries++) await sleep(100)
    assert.ok((await shown()) > before, 'progress goes on')
    if (workers === 1) await page.locator('#latency path.curve').first().waitFor({ state: 'attached' })
    await page.locator('#throughput path.curve').waitFor({ state: 'attached' })
    const stored = await page.locator('#totals div', { hasText: 'Stored' }).locator('dd').innerText()
    assert.match(stored, /[1-9].* (kB|MB)/)
    assert.equal(await page.locator('#totals div', { hasText: 'Created' }).locator('dd').innerText(), '3')
    if (process.env.HOLDFAST_SCREENSHOT && workers === 1) {
      await sleep(20_000)
      await page.screenshot({ path: process.env.HOLDFAST_SCREENSHOT })
    }

    await page.getByLabel('Find').fill('dump')
    assert.equal(await row('holiday film.mp4').count(), 0)
    await page.getByRole('button', { name: 'Terminate database dump.sql.gz' }).click()
    await page.getByRole('button', { name: 'Keep' }).click()
    assert.equal(await row('database dump.sql.gz').count(), 1, 'it asks before')
    await page.getByRole('button', { name: 'Terminate database dump.sql.gz' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Terminate' }).click()
    await page.locator('#ended tr', { hasText: 'database dump.sql.gz' }).getByText('terminated').waitFor()
    assert.notEqual(await sending[1]!.ended, 204, 'whoever sends it is stopped')
    const gone = await fetch(dump, { method: 'HEAD', headers: TUS })
    assert.ok([404, 410].includes(gone.status), String(gone.status))

    await page.getByLabel('Find').fill('')
    sending[0]!.stop()
    await row('holiday film.mp4')
      .getByText(/^idle /)
      .waitFor()
    await server.kill()
    await page.getByText('no answer').waitFor()
    assert.deepEqual(
      problems.filter((problem) => !/ERR_|Failed to load|net::/.test(problem)),
      [],
    )
  })
}
