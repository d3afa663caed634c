import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { temporaryFolder } from '../test/cli/command.js'
import { MortalServer } from '../test/support/mortal-server.js'
import { openBrowser, throttle } from './chromium.js'
import { seededDigest, writeSeededFile } from './data.js'
import { type BucketAccess, committedOffset, idOf, objectDigest } from './server.js'

const SIZE = 100_000_000
const SEED = 7

/** Bytes per second; slow enough that there is a middle of an upload. */
const UPLINK = 20_000_000

interface Setting {
  readonly server: MortalServer
  readonly page: Page
  /** A file of 100 MB. */
  readonly path: string
  /** Upload-Offset of each PATCH that the page sent, and its URL. */
  readonly offsets: number[]
  readonly urls: string[]
}

async function open(context: TestContext): Promise<Setting> {
  const folder = temporaryFolder(context)
  const path = join(folder, 'holiday.mp4')
  await writeSeededFile(path, SEED, SIZE)
  const server = new MortalServer(context, ['dev', '--directory', join(folder, 'dev')])
  await server.start()
  const browser = await openBrowser(context)
  const page = await browser.newPage({ viewport: { width: 900, height: 740 }, deviceScaleFactor: 2 })
  const [offsets, urls]: [number[], string[]] = [[], []]
  page.on('request', (request) => {
    if (request.method() !== 'PATCH') return
    offsets.push(Number(request.headers()['upload-offset']))
    urls.push(request.url())
  })
  await throttle(page, UPLINK)
  await page.goto(new URL('/', server.url).href)
  return { server, page, path, offsets, urls }
}

const percentOf = async (page: Page): Promise<number> =>
  Number.parseInt(await page.locator('#uploads .percent').innerText(), 10)

async function reach(page: Page, percent: number): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!((await percentOf(page)) >= percent)) {
    assert.ok(performance.now() < deadline, `stands at ${await percentOf(page)} %`)
    await sleep(20)
  }
}

/** The bucket of `holdfast dev`, as it tells it. */
function bucketOf({ stdout }: MortalServer): BucketAccess {
  const [, endpoint] = /bucket +(http:\/\/[^/]+)\//.exec(stdout)!
  const [, accessKeyId] = /AWS_ACCESS_KEY_ID=(\S+)/.exec(stdout)!
  const [, secretAccessKey] = /AWS_SECRET_ACCESS_KEY=(\S+)/.exec(stdout)!
  return { endpoint: endpoint!, credentials: { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey! } }
}

/** What the page has sent is committed a little later, on a busy machine much later. */
async function someCommitted({ server, urls }: Setting): Promise<void> {
  const deadline = performance.now() + 60_000
  while ((await committedOffset(bucketOf(server), idOf(urls[0]!))) === 0) {
    assert.ok(performance.now() < deadline, 'nothing was committed')
    await sleep(20)
  }
}

/** Waits for the end of the one upload, and reads its object from the bucket. */
async function finish({ server, page }: Setting): Promise<{ digest: string; size: number }> {
  await page.locator('#uploads li[data-state="done"]').waitFor({ timeout: 120_000 })
  const link = await page.getByRole('link', { name: 'Open' }).getAttribute('href')
  return objectDigest(bucketOf(server), idOf(link!))
}

const expected = { digest: seededDigest(SEED, SIZE), size: SIZE }

test('100 MB from the page arrive whole although the server is killed in the middle', async (context) => {
  const setting = await open(context)
  const { server, page, path, offsets } = setting
  await page.locator('#picker').setInputFiles(path)
  await reach(page, 50)
  await someCommitted(setting)
  await server.killAndRestart()
  assert.deepEqual(await finish(setting), expected)
  assert.equal(server.deaths, 1)
  assert.equal(offsets[0], 0)
  assert.ok(offsets.at(-1)! > 0, `went on from ${offsets.at(-1)}`)
})

test('after a reload the page names the unfinished file, and dropping it again goes on where it was', async (context) => {
  const setting = await open(context)
  const { page, path, offsets } = setting
  await page.locator('#picker').setInputFiles(path)
  await reach(page, 50)
  await page.reload()
  const earlier = page.locator('#earlier li')
  await earlier.getByText('holiday.mp4').waitFor()
  await earlier.getByText(/^[1-9]\d* % of 100 MB$/).waitFor()
  offsets.length = 0
  await page.locator('#picker').setInputFiles(path)
  assert.deepEqual(await finish(setting), expected)
  assert.ok(offsets[0]! > 20_000_000, `went on from ${offsets[0]}`)
  assert.equal(await earlier.count(), 0)
  await page.reload()
  assert.equal(await page.locator('#earlier-section').isVisible(), false)
})

test('Pause stops an upload and Resume goes on; Cancel removes it', async (context) => {
  const setting = await open(context)
  const { page, path, offsets } = setting
  await page.locator('#picker').setInputFiles(path)
  await reach(page, 30)
  // The page would show no progress of a paused upload even if its bytes went on.
  const stopped = page.waitForEvent('requestfailed', (request) => request.method() === 'PATCH')
  await page.getByRole('button', { name: 'Pause holiday.mp4' }).press('Enter')
  await stopped
  const paused = await percentOf(page)
  await sleep(1_500)
  assert.equal(await percentOf(page), paused)
  assert.equal(offsets.length, 1)
  await page.getByRole('button', { name: 'Resume holiday.mp4' }).click()
  assert.deepEqual(await finish(setting), expected)
  assert.ok(offsets[1]! > 0, `went on from ${offsets[1]}`)
  const second = join(path, '..', 'second.bin')
  await writeSeededFile(second, 8, SIZE)
  await page.locator('#picker').setInputFiles(second)
  await page.locator('li[data-state="sending"]').getByText(/MB\/s/).waitFor()
  const deleted = page.waitForResponse((response) => response.request().method() === 'DELETE')
  await page.getByRole('button', { name: 'Cancel second.bin' }).click()
  assert.equal((await deleted).status(), 204)
  assert.equal(await page.locator('#uploads li').count(), 1)
})

test('on a narrow page a long name is cut, and its buttons stay in reach', async (context) => {
  const { page, path } = await open(context)
  await page.setViewportSize({ width: 360, height: 700 })
  const long = join(path, '..', `${'a very long name '.repeat(8)}.mov`)
  await writeSeededFile(long, 9, SIZE)
  await page.locator('#picker').setInputFiles(long)
  await reach(page, 10)
  const reaches = async (name: RegExp): Promise<void> => {
    const box = (await page.getByRole('button', { name }).boundingBox())!
    assert.ok(box.x >= 0 && box.x + box.width <= 360, `${name} is at ${box.x} to ${box.x + box.width}`)
  }
  await reaches(/^Cancel/)
  await page.reload()
  await page.locator('#earlier li').waitFor()
  await reaches(/^Remove/)
})

test('files that are dropped are uploaded, empty ones too, and can be opened', async (context) => {
  const { page } = await open(context)
  const numbered = Array.from({ length: 10 }, (_, index) => [`${index}.txt`, `'file ${index}'`] as const)
  await dropFiles(page, [['hello.txt', "'hello'"], ['empty.txt', "''"], ...numbered])
  await page.locator('#uploads li[data-state="done"]').nth(11).waitFor()
  const link = page.getByRole('link', { name: 'Open hello.txt' })
  const response = await page.request.get((await link.getAttribute('href'))!)
  assert.equal(await response.text(), 'hello')
})

/** A drop as the page sees it. Contents are expressions: they are made in the browser, which is its own program. */
async function dropFiles(page: Page, files: readonly (readonly [name: string, content: string])[]): Promise<void> {
  const made = files.map(([name, content]) => `new File([${content}], ${JSON.stringify(name)})`)
  const dataTransfer = await page.evaluateHandle(
    `[${made.join(', ')}].reduce((all, file) => (all.items.add(file), all), new DataTransfer())`,
  )
  await page.dispatchEvent('#drop', 'drop', { dataTransfer })
}

if (process.env.SCREENSHOT) {
  test('a picture of the page for the README', async (context) => {
    const { page, path } = await open(context)
    await page.locator('#picker').setInputFiles(path)
    await reach(page, 37)
    await page.getByRole('button', { name: 'Pause holiday.mp4' }).click()
    const small = 'new Uint8Array(4_300_000)'
    await dropFiles(page, [['interview.wav', small]])
    await page.locator('#uploads li[data-state="done"]').waitFor()
    await dropFiles(page, [['talk at the conference.mkv', 'new Uint8Array(90_000_000)']])
    await page.locator('li[data-state="sending"]').getByText(/left$/).waitFor()
    await sleep(2_000)
    await page.screenshot({ path: join(import.meta.dirname, '..', 'docs', 'images', 'page.png') })
  })
}
