/** What a client writes comes back as data: in header fields, in the metadata of objects and in memory it ends nothing and names nothing. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Node, type OpenBucket, openBucket, patch, post, startNode, TUS } from '../support/stack.js'
import { play } from './play.js'

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

const EVIL = [
  'a\r\nX-Injected: yes',
  'a\nX-Injected: yes',
  'a\0b\x0bc\x7f',
  'a"; filename="b.html',
  "a'; filename*=UTF-8''b.html",
  'text/html\r\n\r\n<script>alert(1)</script>',
  'a\u2028X-Injected: yes\u0085b',
  '../../etc/passwd',
  '\u202egnp.exe',
  'é💾\ud800',
]

describe('what clients write', () => {
  let bucket: OpenBucket
  let node: Node
  let behindProxy: Node
  before(async () => {
    bucket = await openBucket()
    node = await startNode(bucket)
    behindProxy = await startNode(bucket, {}, { trustProxy: true, cors: { allowOrigin: /./s, allowCredentials: true } })
  })
  after(async () => {
    await node.close()
    await behindProxy.close()
    await bucket.close()
  })

  /** Sent as it is; what is heard, its fields by their names in lower case. */
  async function ask(port: number, lines: string): Promise<{ text: string; fields: Map<string, string> }> {
    const { text } = await play(port, [{ send: `${lines}\r\nConnection: close\r\n\r\n` }], 5_000)
    const entries = text
      .split('\r\n\r\n', 1)[0]!
      .split('\r\n')
      .slice(1)
      .map((line): [string, string] => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 2),
      ])
    return { text, fields: new Map(entries) }
  }

  for (const evil of EVIL) {
    test(`metadata ${JSON.stringify(evil)} ends no field of HEAD and GET, and none of the object`, async () => {
      const field = `filename ${base64(evil)},filetype ${base64(evil)},x ${base64(evil)}`
      const created = await post(node, { 'Upload-Length': '2', 'Upload-Metadata': field })
      const location = created.headers.get('location')!
      assert.equal((await patch(location, 0, Buffer.from('hi'))).status, 204)
      const { pathname } = new URL(location)
      const asked = await ask(node.port, `HEAD ${pathname} HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0`)
      assert.equal(asked.fields.get('upload-metadata'), field)
      const { text, fields } = await ask(node.port, `GET ${pathname} HTTP/1.1\r\nHost: h`)
      assert.match(text, /^HTTP\/1\.1 200 /)
      assert.ok(text.endsWith('\r\n\r\nhi'))
      for (const all of [asked.fields, fields]) assert.ok(!all.has('x-injected'))
      assert.match(
        fields.get('content-disposition')!,
        /^attachment(; filename="[^"]*"(; filename\*=UTF-8''[\w%.!#$&+^`|~-]+)?)?$/,
      )
      assert.equal(fields.get('content-type'), 'application/octet-stream')
      const { contentType, metadata } = await bucket.object(pathname.split('/').at(-1)!)
      const names = ['filename', 'filetype', 'holdfast-id', 'holdfast-token', 'x']
      assert.deepEqual(Object.keys(metadata).sort(), names)
      for (const value of [contentType, ...Object.values(metadata)]) assert.match(value, /^[\x20-\x7e]*$/)
    })
  }

  test('keys of metadata that are names of properties are data, and change nothing in memory', async () => {
    const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'polluted', '__defineGetter__']
    const field = keys.map((key) => `${key} ${base64(key === '__proto__' ? '{"polluted":"yes"}' : 'yes')}`).join(',')
    for (const method of ['HEAD', 'GET'] as const) {
      const created = await post(node, { 'Upload-Length': '0', 'Upload-Metadata': field })
      const location = created.headers.get('location')!
      const answer = await fetch(location, { method, headers: TUS })
      assert.equal(answer.status, 200)
      if (method === 'HEAD') assert.equal(answer.headers.get('upload-metadata'), field)
      else assert.equal(answer.headers.get('content-disposition'), 'attachment')
    }
    assert.equal(({} as { polluted?: string }).polluted, undefined)
    assert.deepEqual(Object.keys(Object.prototype), [])
    assert.equal(typeof {}.toString, 'function')
  })

  test('metadata cannot take the marks by which an object is known', async () => {
    const field = `holdfast-id ${base64('another')},holdfast-token ${base64('another')},Holdfast-Id ${base64('another')},holdfast-other ${base64('another')}`
    const created = await post(node, { 'Upload-Length': '0', 'Upload-Metadata': field })
    const id = created.headers.get('location')!.split('/').at(-1)!
    const { metadata } = await bucket.object(id)
    assert.equal(metadata['holdfast-id'], id)
    assert.notEqual(metadata['holdfast-token'], 'another')
    assert.equal(metadata['holdfast-other'], undefined)
  })

  const LOCATION = /^(https?:\/\/[\w.-]+(:\d+)?)?\/files\/[0-9a-f]{32}$/
  const HOSTS = [
    'evil.example"><script>',
    'a b',
    'a/b',
    'a@b',
    'a\\b',
    'a?b',
    'a#b',
    'a:99999999',
    'http://a',
    'a,b',
    '\x85',
    'é',
    '[::1',
    "a'",
    '%0d%0a',
    '',
  ]
  for (const host of HOSTS) {
    test(`Location repeats no Host, X-Forwarded-Host or Forwarded like ${JSON.stringify(host)}`, async () => {
      for (const fields of [
        `Host: ${host}`,
        `Host: h\r\nX-Forwarded-Host: ${host}`,
        `Host: h\r\nForwarded: host="${host}";proto=javascript`,
        `Host: h\r\nX-Forwarded-Proto: ${host}`,
        `Host: h\r\nX-Forwarded-Prefix: ${host}\r\nX-Original-URL: /evil\r\nX-Rewrite-URL: /evil`,
      ]) {
        const head = `POST /files HTTP/1.1\r\n${fields}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 5`
        for (const { port } of [node, behindProxy]) {
          const { text, fields: told } = await ask(port, head)
          if (text.startsWith('HTTP/1.1 201')) assert.match(told.get('location')!, LOCATION)
          else assert.match(text, /^HTTP\/1\.1 400 /)
        }
      }
    })
  }

  test('without trustProxy no field of a proxy gets into Location', async () => {
    const forwarded =
      'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example;proto=https'
    const head = `POST /files HTTP/1.1\r\nHost: good.example\r\n${forwarded}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 5`
    const { fields } = await ask(node.port, head)
    assert.match(fields.get('location')!, /^http:\/\/good\.example\/files\//)
  })

  test('an Origin is repeated only if it can be one', async () => {
    for (const origin of ['a b', 'a\tb', 'é', 'a\x85', '']) {
      const { fields } = await ask(behindProxy.port, `OPTIONS /files HTTP/1.1\r\nHost: h\r\nOrigin: ${origin}`)
      assert.equal(fields.get('access-control-allow-origin'), undefined, JSON.stringify(origin))
    }
    const { fields } = await ask(behindProxy.port, 'OPTIONS /files HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example')
    assert.equal(fields.get('access-control-allow-origin'), 'https://a.example')
    assert.match(fields.get('vary')!, /Origin/)
  })

  test('Upload-Concat is told again as it was sent, if a field can carry it, and else made anew', async () => {
    const partial = await post(node, { 'Upload-Length': '5', 'Upload-Concat': 'partial' })
    const part = new URL(partial.headers.get('location')!).pathname
    for (const [ending, expected] of [
      ['?"quoted"', /"quoted"$/],
      ['?\xe9\x85', /^final;http:\/\/h\/files\/[0-9a-f]{32}$/],
    ] as const) {
      const create = `POST /files HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0\r\nUpload-Concat: final;${part}${ending}`
      const created = await ask(node.port, create)
      assert.match(created.text, /^HTTP\/1\.1 201 /)
      const { pathname } = new URL(created.fields.get('location')!)
      const { fields } = await ask(node.port, `HEAD ${pathname} HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0`)
      assert.match(fields.get('upload-concat')!, expected)
      assert.match(fields.get('upload-concat')!, /^[\x20-\x7e]*$/)
    }
  })

  test('X-HTTP-Method-Override takes methods of the protocol alone', async () => {
    for (const method of ['CONNECT', 'patch', 'PATCH, DELETE', 'TRACE', 'constructor', '__proto__', '', 'PATCH\x85']) {
      const head = `POST /files/a HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0\r\nX-HTTP-Method-Override: ${method}`
      assert.match((await ask(node.port, head)).text, /^HTTP\/1\.1 405 /, method)
    }
  })
})
