import assert from 'node:assert/strict'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Connection, parseAnswer } from '../../bench/speed/client.js'
import { MARKER, markerOf, serialIn } from '../../bench/speed/marker.js'

const parsed = (text: string) => parseAnswer(Buffer.from(text))

test('an answer without a body ends with its head', () => {
  const text = 'HTTP/1.1 204 No Content\r\nUpload-Offset: 5\r\n\r\n'
  const { answer, taken } = parsed(text)!
  assert.deepEqual([answer.status, answer.headers.get('upload-offset'), taken], [204, '5', text.length])
})

test('an answer with a length has its body, and what comes after it is left', () => {
  const { answer, taken } = parsed('HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nsad\nHTTP/1.1')!
  assert.deepEqual([answer.status, answer.body, taken], [500, 'sad\n', 41])
})

test('an answer in chunks has its body', () => {
  const text = 'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
  assert.deepEqual([parsed(text)!.answer.body, parsed(text)!.taken], ['abcde', text.length])
})

test('interim answers are passed over', () => {
  const interim = 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 104 X\r\nUpload-Offset: 3\r\n\r\n'
  assert.equal(parsed(interim), undefined)
  const text = `${interim}HTTP/1.1 204 No Content\r\n\r\n`
  assert.deepEqual([parsed(text)!.answer.status, parsed(text)!.taken], [204, text.length])
})

test('an answer that is cut anywhere is waited for', () => {
  for (const text of [
    'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nsad\n',
    'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ]) {
    for (let length = 0; length < text.length; length++) assert.equal(parsed(text.slice(0, length)), undefined)
    assert.ok(parsed(text))
  }
})

test('what is no answer of HTTP/1.1, or of no known length, is refused', () => {
  assert.throws(() => parsed('SSH-2.0\r\n\r\n'), /no answer of HTTP\/1.1: SSH/)
  assert.throws(() => parsed('HTTP/1.1 200 OK\r\n\r\n'), /200 of no known length/)
})

test('a connection that ends before its answer says so', { timeout: 10_000 }, async () => {
  const server = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const connection = new Connection((server.address() as AddressInfo).port)
  const answered = connection.answer()
  await connection.write('GET / HTTP/1.1\r\n\r\n')
  await assert.rejects(answered, /closed the connection|ECONNRESET/)
  assert.ok(connection.isClosed)
  await assert.rejects(connection.answer())
  server.close()
})

test('an upload is known again by its marker, also behind the framing of aws-chunked', () => {
  const content = Buffer.concat([markerOf(1234), Buffer.alloc(100, 'holdfast')])
  assert.equal(markerOf(1234).length, MARKER)
  assert.equal(serialIn(content), 1234)
  assert.equal(serialIn(Buffer.concat([Buffer.from('10000\r\n'), content])), 1234)
})

test('content without a marker, and a marker that is cut, are no upload', () => {
  assert.equal(serialIn(Buffer.alloc(1_000, 'holdfast')), undefined)
  assert.equal(serialIn(markerOf(7).subarray(0, -1)), undefined)
})
