/** One event is one line, whatever the client wrote. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bind, createHttpServer } from '../../src/cli/listen.js'
import { createLog } from '../../src/cli/log.js'
import { DiskStore } from '../../src/disk/index.js'
import { createServer } from '../../src/server.js'
import { raw } from '../http/sockets.js'
import { temporaryFolder } from '../support/bucket.js'

function logged(format: string, fields: Record<string, unknown>, message: string): string {
  const lines: string[] = []
  createLog({ verbose: true, format, write: (line) => void lines.push(line) }).info(fields, message)
  return lines.join('')
}

/** What a terminal or a viewer of logs may take for the end of a line, a command, or nothing. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/u

const hostile = [
  ['a line of its own', '/files/a\n2026-01-01T00:00:00.000Z ERROR forged status=500'],
  ['a carriage return', 'a\rb'],
  ['a command to the terminal', '\x1b[2J\x9b31m\x07'],
  ['other ends of lines', 'a\x85b\u2028c\u2029d\x0be\x0cf'],
  ['a turn of the direction', 'a\u202etxt.exe\u2066'],
  ['what is not seen', 'a\u200b\u00ad\ufeff\u{e0041}\x7f\ud800b'],
] as const
for (const format of ['text', 'json']) {
  for (const [what, text] of hostile) {
    test(`${format}: ${what} in a value, a name or the message stays inside of its line`, () => {
      for (const line of [
        logged(format, { target: text }, 'request'),
        logged(format, { target: [text, { deep: text }] }, 'request'),
        logged(format, { [text]: 1 }, 'request'),
        logged(format, {}, text),
      ]) {
        assert.ok(line.endsWith('\n'))
        assert.doesNotMatch(line.slice(0, -1), INVISIBLE)
      }
    })
  }

  test(`${format}: any text is one line, and JSON gives it back`, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = logged(format, { target: text }, text)
        assert.doesNotMatch(line.slice(0, -1), INVISIBLE)
        if (format === 'json') {
          const { target, message } = JSON.parse(line) as Record<string, string>
          assert.deepEqual([target, message], [text, text])
        }
      }),
    )
  })
}

test('text: a value cannot be taken for another field, and ordinary ones stay readable', () => {
  const line = logged(
    'text',
    { target: '/files/a status=200', status: 404, upload: 'abc', cause: 'x "y"', empty: '' },
    'request',
  )
  assert.match(line, / request target="\/files\/a status=200" status=404 upload=abc cause="x \\"y\\"" empty=""\n$/)
})

test('a server logs one line for each request, whatever its target and fields have', async (context) => {
  const folder = await temporaryFolder()
  const lines: string[] = []
  const logger = createLog({ verbose: true, format: 'text', write: (line) => void lines.push(line) })
  const holdfast = createServer({ store: new DiskStore({ directory: folder.path }), logger })
  const { server } = createHttpServer({ holdfast, basePath: '/files' })
  const port = await bind(server, '127.0.0.1', 0)
  context.after(async () => {
    server.closeAllConnections()
    server.close()
    await holdfast.close()
    await folder.remove()
  })
  const { socket, closed } = raw(port)
  const target = '/files/a%0a2026-01-01T00:00:00.000Z%20ERROR"forged"=\\n'
  socket.write(
    `GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nUpload-Metadata: \x85\x9b31m\r\n\r\n`,
    'latin1',
  )
  await closed
  assert.ok(lines.length >= 1)
  for (const line of lines) {
    assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z (INFO|DEBUG) [^\n]*\n$/)
    assert.doesNotMatch(line.slice(0, -1), INVISIBLE)
  }
})

for (const format of ['text', 'json']) {
  test(`${format}: a line of a worker says which, and is written in one piece of at most 4,096 bytes`, () => {
    const lines: string[] = []
    const log = createLog({ verbose: true, format, always: { worker: 2 }, write: (line) => void lines.push(line) })
    log.info({ target: '/files/' }, 'request')
    const long = { target: '\u0001'.repeat(30_000), method: 'x'.repeat(5_000), cause: 'c\n'.repeat(5_000), status: 500 }
    log.error(long, 'The store is not available; try again later.')
    assert.match(lines[0]!, format === 'json' ? /"worker":2/ : /worker=2 target=/)
    for (const line of lines) {
      assert.ok(Buffer.byteLength(line) <= 4_096, `${Buffer.byteLength(line)} bytes`)
      assert.match(line, /^[^\n]*\n$/)
    }
    if (format === 'json') assert.equal(JSON.parse(lines[1]!).status, 500)
    else assert.match(lines[1]!, /status=500/)
  })
}

test('a line of a process that has the log to itself is as long as it is', () => {
  assert.ok(logged('text', { target: 'x'.repeat(10_000) }, 'request').length > 10_000)
})
