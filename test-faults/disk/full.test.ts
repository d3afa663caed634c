/**
 * The disk store on a file system that is really full: a tmpfs of two mebibytes, in a mount namespace of its own, so that
 * it goes with the process.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'

interface Found {
  whole: { status: number; retryAfter?: string; offset: string; end: unknown }
  checksum: { status: number; offset: string; end: unknown }
  termination: { status: number; freed: number }
  creation: { statuses: number[]; files: string[] }
}

let folder: string
let found: Found

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-disk-full-'))
  const outfile = join(folder, 'full.mjs')
  const entry = join(import.meta.dirname, 'support/full.ts')
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'warning' })
  const script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" "$3" "$1"'
  // Who is not root may mount in a user namespace, where the system allows those.
  const namespace = process.getuid?.() === 0 ? '-m' : '-rm'
  const disk = mkdtempSync(join(folder, 'disk-'))
  const command = [namespace, 'sh', '-c', script, 'sh', disk, process.execPath, outfile]
  found = JSON.parse(execFileSync('unshare', command, { encoding: 'utf8', timeout: 60_000 })) as Found
})

after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))

const END = { isWhole: true, files: ['<id>', '<id>.info'] }

test('a disk that is full in the midst of an append: 503 with Retry-After, what was committed stays, and it goes on later', () => {
  const { status, retryAfter, offset, end } = found.whole
  assert.deepEqual([status, retryAfter], [503, '1'])
  assert.ok(Number(offset) >= 100_000, offset)
  assert.deepEqual(end, END)
})

test('a disk that is full in the midst of a body with a checksum: nothing of that body counts, and it goes on later', () => {
  assert.deepEqual(found.checksum, { status: 503, offset: '100000', end: END })
})

test('a termination makes room on a disk that is full', () => {
  assert.equal(found.termination.status, 204)
  assert.ok(found.termination.freed >= 1024 * 1024, `${found.termination.freed} bytes were freed`)
})

test('a creation on a full disk is 503, and leaves nothing', () => {
  assert.deepEqual(found.creation, { statuses: [503, 503], files: [] })
})
