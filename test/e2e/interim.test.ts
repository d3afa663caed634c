/** 104 (Upload Resumption Supported), as it goes over the wire, and what a client does with it. */
import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { sha256, someBytes } from '../support/bucket.js'
import { head, type Node, openBucket, startNode } from '../support/stack.js'

const MiB = 1024 * 1024

interface Interim {
  status: number
  fields: http.IncomingHttpHeaders
}

/** A request whose interim answers are kept. Its body is written by whoever asked. */
function send(
  url: string,
  method: string,
  fields: Record<string, string | number>,
): { request: http.ClientRequest; interim: Interim[]; answer: Promise<http.IncomingMessage> } {
  const request = http.request(url, { method, headers: fields, agent: false })
  const interim: Interim[] = []
  request.on('information', ({ statusCode, headers }) => interim.push({ status: statusCode, fields: headers }))
  const answer = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on('response', (response) => {
      response.resume()
      resolve(response)
    })
    request.on('error', reject)
  })
  answer.catch(() => undefined)
  return { request, interim, answer }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    assert.ok(tries < 500, 'it did not happen in 5 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('104', () => {
  let bucket: Awaited<ReturnType<typeof openBucket>>
  let node: Node
  before(async () => {
    bucket = await openBucket()
    node = await startNode(bucket, { commitInterval: 50, preferredPartSize: 5 * MiB }, { maxSize: 100 * MiB })
  })
  after(async () => {
    await node.close()
    await bucket.close()
  })

  const whole = (version: number): Record<string, string> => ({
    'Upload-Draft-Interop-Version': String(version),
    ...(version === 3 ? { 'Upload-Incomplete': '?0' } : { 'Upload-Complete': '?1' }),
  })

  for (const version of [3, 4, 5, 6, 7, 8, 9]) {
    test(`version ${version}: tells where the upload is before its body has come; cut, asked for, resumed`, async () => {
      const bytes = someBytes(12 * MiB)
      const sent = send(node.url, 'POST', {
        ...whole(version),
        'Content-Length': bytes.length,
        'Content-Type': 'video/mp4',
      })
      sent.request.write(bytes.subarray(0, 1000))
      await until(() => sent.interim.length > 0)
      const { status, fields } = sent.interim[0]!
      assert.equal(status, 104)
      assert.equal(fields['upload-draft-interop-version'], String(version))
      assert.equal(fields['upload-limit'], `max-size=${100 * MiB}`)
      const url = fields.location!
      sent.request.write(bytes.subarray(1000, 8 * MiB))
      let written = 8 * MiB
      // Progress comes from version 5 on, and never says where.
      if (version >= 5) {
        // What is stored is committed, and told, when more comes.
        await until(() => {
          sent.request.write(bytes.subarray(written, ++written))
          return sent.interim.length > 1
        })
        for (const progress of sent.interim.slice(1)) {
          assert.equal(progress.status, 104)
          assert.equal(progress.fields.location, undefined)
          assert.equal(progress.fields['upload-draft-interop-version'], String(version))
          assert.ok(Number(progress.fields['upload-offset']) > 0)
        }
      } else assert.equal(sent.interim.length, 1)
      sent.request.destroy()
      const known = { 'Upload-Draft-Interop-Version': String(version) }
      const asked = await fetch(url, { method: 'HEAD', headers: known })
      assert.equal(asked.status, 204)
      const offset = Number(asked.headers.get('Upload-Offset'))
      assert.ok(offset <= written, String(offset))
      for (const { fields } of sent.interim.slice(1)) assert.ok(Number(fields['upload-offset']) <= offset)
      const incomplete = version === 3 ? { 'Upload-Incomplete': '?0' } : { 'Upload-Complete': '?1' }
      const resumed = await fetch(url, {
        method: 'PATCH',
        headers: {
          ...known,
          ...incomplete,
          'Upload-Offset': String(offset),
          'Content-Type': 'application/partial-upload',
        },
        body: bytes.subarray(offset),
      })
      assert.equal(resumed.status, 201, await resumed.text())
      const read = await fetch(url)
      assert.equal(read.headers.get('Content-Type'), 'video/mp4')
      assert.equal(sha256(new Uint8Array(await read.arrayBuffer())), sha256(bytes))
    })
  }

  test('the upload is found while its creation still goes on, and its Location is the one of the end', async () => {
    const sent = send(node.url, 'POST', { ...whole(9), 'Upload-Complete': '?0', 'Content-Length': 10 })
    sent.request.write('01234')
    await until(() => sent.interim.length > 0)
    const url = sent.interim[0]!.fields.location!
    const tus = await head(url)
    assert.equal(tus.status, 200)
    // The HEAD has taken the upload over from the creation; what had come by then is stored.
    const offset = Number(tus.headers.get('Upload-Offset'))
    const answer = await sent.answer
    assert.equal(answer.statusCode, 409)
    const rest = await fetch(url, {
      method: 'PATCH',
      headers: {
        'Upload-Draft-Interop-Version': '9',
        'Upload-Complete': '?1',
        'Upload-Offset': String(offset),
        'Content-Type': 'application/partial-upload',
      },
      body: '0123456789'.slice(offset),
    })
    assert.equal(rest.status, 201)
    assert.equal(await (await fetch(url)).text(), '0123456789')

    const undisturbed = send(node.url, 'POST', { ...whole(9), 'Upload-Complete': '?0', 'Content-Length': 3 })
    undisturbed.request.end('abc')
    assert.equal((await undisturbed.answer).headers.location, undisturbed.interim[0]!.fields.location)
  })

  test('is not sent for an unknown version, without a version, to a tus client, nor behind a proxy that shows', async () => {
    const cases: Record<string, string>[] = [
      { ...whole(9), 'Upload-Draft-Interop-Version': '99' },
      { 'Upload-Complete': '?1' },
      { 'Tus-Resumable': '1.0.0', 'Upload-Length': '3', 'Content-Type': 'application/offset+octet-stream' },
      ...['Via', 'Forwarded', 'X-Forwarded-For', 'X-Real-IP'].map((name) => ({ ...whole(9), [name]: 'x' })),
    ]
    for (const fields of cases) {
      const sent = send(node.url, 'POST', { ...fields, 'Content-Length': 3 })
      sent.request.end('abc')
      assert.equal((await sent.answer).statusCode, 201, JSON.stringify(fields))
      assert.deepEqual(sent.interim, [], JSON.stringify(fields))
    }
  })

  test('is not sent over HTTP/1.0', async () => {
    const socket = net.connect(node.port, '127.0.0.1')
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
    })
    socket.write(
      'POST /files/ HTTP/1.0\r\nHost: h\r\nUpload-Draft-Interop-Version: 9\r\nUpload-Complete: ?1\r\nContent-Length: 3\r\n\r\nabc',
    )
    await new Promise((resolve) => socket.on('close', resolve))
    assert.match(heard, /^HTTP\/1\.[01] 201 /)
    assert.ok(!heard.includes(' 104 '))
  })

  test('with Expect: 100-continue, 100 comes as well', async () => {
    const sent = send(node.url, 'POST', { ...whole(9), 'Content-Length': 3, Expect: '100-continue' })
    let invited = false
    sent.request.on('continue', () => {
      invited = true
      sent.request.end('abc')
    })
    sent.request.flushHeaders()
    assert.equal((await sent.answer).statusCode, 201)
    assert.ok(invited)
    assert.equal(sent.interim[0]!.status, 104)
  })

  for (const [setting, proxied, count] of [
    ['off', false, 0],
    ['on', true, 1],
  ] as const) {
    test(`interimResponses ${setting}: ${count === 0 ? 'none, and the upload goes on all the same' : 'also behind a proxy'}`, async () => {
      const other = await startNode(bucket, {}, { interimResponses: setting })
      const fields = { ...whole(6), 'Content-Length': 3, ...(proxied ? { Via: '1.1 proxy' } : {}) }
      const sent = send(other.url, 'POST', fields)
      sent.request.end('abc')
      assert.equal((await sent.answer).statusCode, 201)
      assert.equal(sent.interim.filter(({ fields }) => fields.location !== undefined).length, count)
      await other.close()
    })
  }

  test('clients of the future standard get it where that is switched on', async () => {
    const other = await startNode(bucket, {}, { rufh: { unversioned: true } })
    const sent = send(other.url, 'POST', { 'Upload-Complete': '?1', 'Content-Length': 3 })
    sent.request.end('abc')
    assert.equal((await sent.answer).statusCode, 201)
    const url = sent.interim[0]!.fields.location!
    assert.equal(sent.interim[0]!.fields['upload-draft-interop-version'], undefined)
    assert.equal((await fetch(url, { method: 'HEAD' })).headers.get('Upload-Complete'), '?1')
    assert.equal((await fetch(url, { method: 'DELETE' })).status, 204)
    await other.close()
  })

  test('a last request that breaks off just after the last byte completes nothing; an empty one then does', async () => {
    const created = await fetch(node.url, {
      method: 'POST',
      headers: { 'Upload-Draft-Interop-Version': '9', 'Upload-Complete': '?0', 'Upload-Length': '10' },
    })
    const url = created.headers.get('Location')!
    const socket = net.connect(node.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const fields = [
      'Upload-Draft-Interop-Version: 9',
      'Upload-Complete: ?1',
      'Upload-Offset: 0',
      'Transfer-Encoding: chunked',
    ]
    const type = 'Content-Type: application/partial-upload'
    socket.write(`PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: h\r\n${[...fields, type].join('\r\n')}\r\n\r\n`)
    // All ten bytes, but not the chunk that ends the body.
    socket.write('a\r\n0123456789\r\n')
    await new Promise((resolve) => setTimeout(resolve, 200))
    socket.destroy()
    const known = { 'Upload-Draft-Interop-Version': '9' }
    await until(
      async () => (await fetch(url, { method: 'HEAD', headers: known })).headers.get('Upload-Offset') === '10',
    )
    assert.equal((await fetch(url, { method: 'HEAD', headers: known })).headers.get('Upload-Complete'), '?0')
    assert.equal((await fetch(url)).status, 409)
    const last = {
      ...known,
      'Upload-Complete': '?1',
      'Upload-Offset': '10',
      'Content-Type': 'application/partial-upload',
    }
    const ended = await fetch(url, { method: 'PATCH', headers: last })
    assert.equal(ended.headers.get('Upload-Complete'), '?1')
    assert.equal(await (await fetch(url)).text(), '0123456789')
  })
})
