/**
 * Debian's Chromium.
 * @module
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterwards } from '../test/cli/command.js'

const CHROMIUM = '/usr/bin/chromium'

export async function openBrowser(context: Pick<TestContext, 'after'>): Promise<Browser> {
  assert.ok(existsSync(CHROMIUM), `There is no ${CHROMIUM}; install it with \`apt-get install chromium\`.`)
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  })
  afterwards(context, () => browser.close())
  return browser
}

/** @param uplink bytes per second; slow enough that there is a middle of an upload */
export async function throttle(page: Page, uplink: number): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.enable')
  const conditions = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: uplink }
  await session.send('Network.emulateNetworkConditions', conditions)
}
