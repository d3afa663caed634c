/**
 * A folder for one test.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** Made now, removed when the test ends. */
export async function folderFor(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-disk-'))
  context.after(() => rm(path, { recursive: true, force: true, maxRetries: 3 }))
  return path
}
