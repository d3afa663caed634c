/** curl as a client of the IETF draft: by hand, what a client does that knows nothing but HTTP. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { DiskStore } from '../src/disk/index.js'
import { nodeHandler } from '../src/http/node.js'
import { createServer } from '../src/server.js'
import { afterwards, temporaryFolder } from '../test/cli/command.js'
import { sha256 } from '../test/support/bucket.js'
import { isChosen, isWhole, openPlace, run, STORES, snippetWorks } from './suite.js'

const MiB = 1024 * 1024
const FILE = ['-H', 'Content-Type: video/mp4']
const NAME = ['-H', "Content-Disposition: inline; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E4%BD%A0%E5%A5%BD.mp4"]
const PART = ['-H', 'Content-Type: application/partial-upload']

/** What `curl -v` printed: each head that it received, and the fields of the last one. */
interface Answer {
  statuses: number[]
  fields: Record<string, string>
  /** Of a 104. */
  location: string | undefined
}

function answerOf(verbose: string): Answer {
  const heads = verbose.split(/^< (?=HTTP\/[\d.]+ \d)/m).slice(1)
  const fieldsOf = (head = ''): Record<string, string> =>
    Object.fromEntries(
      [...head.matchAll(/^< ([\w-]+): (.*?)\r?$/gm)].map(([, name, value]) => [name!.toLowerCase(), value!]),
    )
  const statuses = heads.map((head) => Number(/ (\d+)/.exec(head)![1]))
  return { statuses, fields: fieldsOf(heads.at(-1)), location: fieldsOf(heads[statuses.indexOf(104)]).location }
}

const draft = (version: number, complete = true): string[] => [
  ...['-H', `Upload-Draft-Interop-Version: ${version}`],
  ...['-H', version === 3 ? `Upload-Incomplete: ?${complete ? 0 : 1}` : `Upload-Complete: ?${complete ? 1 : 0}`],
]

for (const store of isChosen('curl') ? STORES : []) {
  describe(`curl, ${store}`, () => {
    before(() => {
      const { status } = spawnSync('curl', ['--version'])
      assert.equal(status, 0, 'curl is needed for these tests. On Debian: apt-get install curl')
    })

    async function open(context: TestContext, size: number) {
      const place = await openPlace(context, store)
      const bytes = randomBytes(size)
      const path = join(temporaryFolder(context), 'a file.bin')
      await writeFile(path, bytes)
      const start = (...args: string[]) => run(context, { program: 'curl', args: ['-sv', ...args] })
      const curl = async (...args: string[]): Promise<Answer> => {
        const { code, stderr } = await start(...args).ended
        assert.equal(code, 0, stderr)
        return answerOf(stderr)
      }
      return { place, bytes, path, start, curl }
    }
    for (const size of [0, 1_000, 20 * MiB]) {
      test(`${size} bytes in one request: 104, then 201, both with the Location`, async (context) => {
        const { place, bytes, path, curl } = await open(context, size)
        const { statuses, fields, location } = await curl(
          ...draft(6),
          ...FILE,
          ...NAME,
          '--data-binary',
          `@${path}`,
          place.endpoint,
        )
        assert.equal(statuses.at(-1), 201)
        if (size > 0) assert.equal(location, fields.location)
        await isWhole(place, fields.location!, bytes)
      })
    }

    for (const version of [3, 6, 9]) {
      test(`version ${version}: killed in the middle of 20 MiB, resumed by HEAD and PATCH`, async (context) => {
        const { place, bytes, path, start, curl } = await open(context, 20 * MiB)
        const held = place.gate.hold(13 * MiB)
        const first = start(...draft(version), ...FILE, ...NAME, '--data-binary', `@${path}`, place.endpoint)
        await Promise.race([held, first.ended.then(({ stderr }) => assert.fail(`it ended before: ${stderr}`))])
        first.child.kill('SIGKILL')
        const { location } = answerOf((await first.ended).stderr)
        assert.ok(location, '104 told where the upload is')
        place.gate.open()
        const told = await curl('-I', '-H', `Upload-Draft-Interop-Version: ${version}`, location)
        assert.deepEqual(told.statuses, [204])
        const offset = Number(told.fields['upload-offset'])
        assert.ok(offset > 0 && offset < bytes.length, `it is at ${offset}`)
        const rest = join(temporaryFolder(context), 'rest')
        await writeFile(rest, bytes.subarray(offset))
        const at = ['-H', `Upload-Offset: ${offset}`]
        const ended = await curl(
          '-X',
          'PATCH',
          ...draft(version),
          ...PART,
          ...at,
          '--data-binary',
          `@${rest}`,
          location,
        )
        assert.equal(ended.statuses.at(-1), 201)
        await isWhole(place, location, bytes)
      })
    }

    test('chunked, of a length that nobody knows before its end (-T -)', async (context) => {
      const { place, bytes, path } = await open(context, 20 * MiB)
      const told = ['-H', 'Transfer-Encoding: chunked', '-T', '-']
      const args = ['-sv', '-X', 'POST', ...draft(6), ...FILE, ...NAME, ...told, place.endpoint]
      const { code, stderr } = await run(context, { program: 'sh', args: ['-c', 'curl "$@" < "$0"', path, ...args] })
        .ended
      assert.equal(code, 0, stderr)
      const { statuses, fields, location } = answerOf(stderr)
      assert.equal(statuses.at(-1), 201)
      assert.equal(location, fields.location)
      await isWhole(place, location!, bytes)
    })

    test('created first, then in two appends, the last one empty', async (context) => {
      const { place, bytes, path, curl } = await open(context, 1 * MiB)
      const created = await curl('-X', 'POST', ...draft(9, false), ...FILE, ...NAME, place.endpoint)
      const url = created.fields.location!
      const body = ['--data-binary', `@${path}`]
      const part = await curl('-X', 'PATCH', ...draft(9, false), ...PART, '-H', 'Upload-Offset: 0', ...body, url)
      assert.equal(part.fields['upload-complete'], '?0')
      const at = ['-H', `Upload-Offset: ${bytes.length}`]
      const ended = await curl('-X', 'PATCH', ...draft(9), ...PART, ...at, '--data-binary', '', url)
      assert.equal(ended.fields['upload-complete'], '?1')
      await isWhole(place, url, bytes)
    })

    test('Repr-Digest: the right one is taken, a wrong one ends the upload', async (context) => {
      const { place, bytes, path, curl } = await open(context, 1 * MiB)
      const send = (digest: string): Promise<Answer> =>
        curl(
          ...draft(9),
          ...FILE,
          ...NAME,
          '-H',
          `Repr-Digest: sha-256=:${digest}:`,
          '--data-binary',
          `@${path}`,
          place.endpoint,
        )
      const digest = createHash('sha256').update(bytes).digest('base64')
      const { statuses, fields } = await send(digest)
      assert.equal(statuses.at(-1), 201)
      await isWhole(place, fields.location!, bytes)
      const wrong = await send(createHash('sha256').update('other').digest('base64'))
      assert.equal(wrong.statuses.at(-1), 400)
      const after = await curl('-I', '-H', 'Upload-Draft-Interop-Version: 9', wrong.location!)
      assert.deepEqual(after.statuses, [410])
    })
  })
}

if (isChosen('curl')) {
  test('curl: the commands of docs/clients.md upload the file', (context) => snippetWorks(context, 'sh', 'sh'))

  test('curl over HTTP/2: 104, then 201', async (context) => {
    const folder = temporaryFolder(context)
    const holdfast = createServer({ store: new DiskStore({ directory: folder }) })
    afterwards(context, () => holdfast.close())
    const server = http2.createServer(nodeHandler(holdfast))
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
    afterwards(context, () => server.close())
    // To a URL that ends with a slash, curl adds the name of the file.
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files`
    const bytes = randomBytes(20 * MiB)
    const path = join(temporaryFolder(context), 'a file.bin')
    await writeFile(path, bytes)
    const args = ['-sv', '--http2-prior-knowledge', '-X', 'POST', ...draft(6), ...FILE, '-T', path, endpoint]
    const { code, stderr } = await run(context, { program: 'curl', args }).ended
    assert.equal(code, 0, stderr)
    const { statuses, fields, location } = answerOf(stderr)
    assert.equal(statuses[0], 104)
    assert.equal(statuses.at(-1), 201)
    assert.equal(location, fields.location)
    assert.equal(sha256(readFileSync(join(folder, location!.split('/').at(-1)!))), sha256(bytes))
  })
}
