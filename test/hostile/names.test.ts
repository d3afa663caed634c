/** IDs become paths and keys: no ID leads out of the folder or the prefix, or to a file that is not an upload's own bytes. */
import assert from 'node:assert/strict'
import { link, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isUsableId } from '../../src/disk/files.js'
import { DiskStore } from '../../src/disk/index.js'
import { openBucket, startNode, TUS, temporaryFolder } from '../support/stack.js'
import { BACKENDS, openFront } from './front.js'
import { play } from './play.js'

const ANYWHERE = [
  ...['', '.', '..', '../x', 'x/..', 'x/../y', './x', 'x/.', '/x', 'x/', 'x//y', '/etc/passwd', '.hidden', 'x/.hidden'],
  ...[
    'a\0',
    'a\0.info',
    'a\n',
    'a\r',
    'a b',
    'a\\b',
    '..\\x',
    'a%',
    'a%2e',
    'a"',
    'a<b',
    'a>b',
    'a|b',
    'a?',
    'a#b',
    'ä',
    '\ud800',
    '💾',
  ],
  ...['a.info', 'a.INFO', 'a.lock', 'a.yield', 'a.tmp', 'a.finals', 'a.lock.x.tmp', 'a.info/b', 'a.lock/b', 'a.info.'],
  ...['x'.repeat(256), `${'x/'.repeat(600)}x`, `${'x'.repeat(100)}/`.repeat(12)],
]
/** Devices, streams, short names and what Windows cuts off. */
const ON_WINDOWS = [
  'CON',
  'con',
  'nul',
  'NUL.txt',
  'aux',
  'prn.x',
  'com1',
  'LPT9.a',
  'x/con',
  'conin$',
  'a:b',
  'a*',
  'a.',
  'x./y',
  'ABCDEF~1',
  'a~2/b',
]
const GOOD = [
  'a',
  'A',
  '0123456789abcdef0123456789abcdef',
  'a+b',
  'a/b',
  'a.txt',
  'console',
  'nullify',
  'a.infos',
  'a~b',
  '~a',
]

for (const id of ANYWHERE) {
  test(`disk: ${JSON.stringify(id).slice(0, 40)} is no ID`, () => {
    assert.deepEqual([isUsableId(id, false), isUsableId(id, true)], [false, false])
  })
}
for (const id of ON_WINDOWS) test(`disk: ${id} is no ID on Windows`, () => assert.equal(isUsableId(id, true), false))
for (const id of GOOD) {
  test(`disk: ${id} is an ID on any system`, () => assert.ok(isUsableId(id, false) && isUsableId(id, true)))
}

test('disk: on a file system that does not tell capitals apart, an upload has one name', async (context) => {
  const folder = await temporaryFolder()
  context.after(folder.remove)
  const store = new DiskStore({ directory: folder.path })
  await store.create({ id: 'abc', length: 5, metadata: {}, metadataField: undefined })
  // As such a file system would have it.
  for (const ending of ['', '.info'])
    await link(join(folder.path, `abc${ending}`), join(folder.path, `ABC${ending}`)).catch(() => undefined)
  assert.ok((await readdir(folder.path)).includes('ABC.info'))
  await assert.rejects(store.open('ABC'), { code: 'ERR_UPLOAD_NOT_FOUND' })
  assert.equal((await store.open('abc')).info.id, 'abc')
})

const TARGETS = [
  ...[
    '/files/..',
    '/files/../outside.txt',
    '/files/..%2foutside',
    '/files/..%2Foutside.txt',
    '/files/%2e%2e/outside',
    '/files/%2e%2e%2foutside',
  ],
  ...[
    '/files/..%5coutside',
    '/files/..\\outside',
    '/files//etc/passwd',
    '/files/%2fetc%2fpasswd',
    '/files/x/..%2f..%2foutside',
    '/files/./outside',
  ],
  ...[
    '/files/..%00',
    '/files/..%c0%afoutside',
    '/files/%252e%252e%252foutside',
    '/files/other/outside',
    '/files/..%2fother%2foutside',
  ],
  ...[
    '/files/@.info',
    '/files/@.part',
    '/files/@.part1',
    '/files/@.finals',
    '/files/@.lock',
    '/files/@.yield',
    '/files/@.info%00',
    '/files/@%00',
  ],
  ...[
    '/files/@+x',
    '/files/@+',
    '/files/+@',
    '/files/@.',
    '/files/@%20',
    '/files/@/',
    '/files/@%2f',
    '/files/x/../@',
    '/files/in/@',
    '/files/meta/@',
  ],
  ...[
    '/files/../in/@',
    '/files/..%2fin%2f@',
    '/files/..%2fmeta%2f@.info',
    '/files/@/../@.info',
    '/files/@;x',
    '/files/@&x',
  ],
]
for (const name of Object.keys(BACKENDS) as (keyof typeof BACKENDS)[]) {
  test(`${name}: no target leads to the records, tails and locks of an upload, or out of its place`, async (context) => {
    const front = await openFront(name)
    context.after(front.close)
    const before = await front.names()
    for (const method of ['GET', 'HEAD', 'PATCH', 'DELETE']) {
      for (const target of TARGETS.map((text) => text.replaceAll('@', front.canary))) {
        const fields =
          'Host: h\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nConnection: close'
        const { text } = await play(front.port, [{ send: `${method} ${target} HTTP/1.1\r\n${fields}\r\n\r\n` }], 5_000)
        assert.match(text, /^HTTP\/1\.1 4\d\d /, `${method} ${target}`)
        front.mustNotTell(text)
      }
    }
    await front.mustBeUntouched()
    assert.deepEqual(await front.names(), before)
  })
}

test('a final upload of a thousand that do not exist costs no more than a few requests to the store', async (context) => {
  const bucket = await openBucket()
  const node = await startNode(bucket)
  context.after(async () => {
    await node.close()
    await bucket.close()
  })
  const field = `final;${Array.from({ length: 1_000 }, (_, index) => `/files/${index}`).join(' ')}`
  const before = bucket.bucket.requests.get('GetObject') ?? 0
  const answer = await fetch(node.url, { method: 'POST', headers: { ...TUS, 'Upload-Concat': field } })
  assert.equal(answer.status, 400)
  assert.match(await answer.text(), /Upload 1 in Upload-Concat does not exist/)
  assert.ok((bucket.bucket.requests.get('GetObject') ?? 0) - before <= 32)
})
