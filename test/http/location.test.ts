/** Where uploads live: what a target means, and the URL that a client is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureCode } from '../../src/errors.js'
import { type LocationOptions, locationOf } from '../../src/http/location.js'
import { headOf } from '../protocol/head.js'

const at = (options: Partial<LocationOptions> = {}) =>
  locationOf({ basePath: '/files', trustProxy: false, relativeLocation: false, ...options })

const targets: [basePath: string, target: string, id: string | undefined][] = [
  ['/files', '/files', undefined],
  ['/files', '/files/', undefined],
  ['/files', '/files?x=1', undefined],
  ['/files', '/files/?x=/y', undefined],
  ['/files', '/files/abc', 'abc'],
  ['/files', '/files/abc?x=1', 'abc'],
  ['/files', '/files/abc#f', 'abc'],
  ['/files', '/files/a/b', 'a/b'],
  ['/files', '/files/a%2Fb', 'a/b'],
  ['/files', '/files/a+b', 'a+b'],
  ['/files', '/files/a%2Bb', 'a+b'],
  ['/files', '/files/%C3%A4', 'ä'],
  ['/files', '/files/a%2525', 'a%25'],
  ['/files', '/files/../x', '../x'],
  ['/files', '/files//x', '/x'],
  ['/files', '/files/files/x', 'files/x'],
  ['/files', 'http://host/files/abc', 'abc'],
  ['/files', 'HTTPS://host:8080/files/abc?x', 'abc'],
  ['/files', 'http://host/files', undefined],
  ['/files/', '/files/abc', 'abc'],
  ['/files/', '/files', undefined],
  ['files', '/files/abc', 'abc'],
  ['/a/b/', '/a/b/c', 'c'],
  ['/', '/', undefined],
  ['/', '/abc', 'abc'],
  ['/', '/?x', undefined],
  ['/', 'http://host', undefined],
  ['', '/abc', 'abc'],
  ['https://cdn.example/up/', '/up/abc', 'abc'],
  ['https://cdn.example', '/abc', 'abc'],
]
for (const [basePath, target, id] of targets) {
  test(`below '${basePath}', ${target} is ${id === undefined ? 'the collection' : `upload ${id}`}`, () =>
    assert.equal(at({ basePath }).idOf(target), id))
}

const strangers: [basePath: string, target: string, code: FailureCode][] = [
  ['/files', '/', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '/abc', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '/filesabc', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '/Files/abc', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '//files/abc', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', 'files/abc', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '*', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', 'http://host', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', 'ftp://host/files/abc', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '/x?/files/abc', 'ERR_UPLOAD_NOT_FOUND'],
  ['/', '*', 'ERR_UPLOAD_NOT_FOUND'],
  ['/files', '/files/%', 'ERR_INVALID_REQUEST'],
  ['/files', '/files/%zz', 'ERR_INVALID_REQUEST'],
  ['/files', '/files/%ff', 'ERR_INVALID_REQUEST'],
  ['/files', '/files/a%2', 'ERR_INVALID_REQUEST'],
]
for (const [basePath, target, code] of strangers) {
  test(`below '${basePath}', '${target}' is refused with ${code}`, () =>
    assert.throws(() => at({ basePath }).idOf(target), { name: 'UploadError', code }))
}

for (const basePath of [
  'ftp://host/files',
  'https://',
  '/files?x=1',
  '/files#x',
  'https://me:you@host/',
  'javascript:x',
]) {
  test(`basePath '${basePath}' is refused`, () =>
    assert.throws(() => at({ basePath }), { name: 'UploadError', code: 'ERR_INVALID_OPTIONS' }))
}

type Fields = Record<string, string>
type Row = [rule: string, options: Partial<LocationOptions>, fields: Fields, location: string, encrypted?: boolean]
const proxied = { trustProxy: true }
const host = { host: 'me:8080' }

const rows: Row[] = [
  ['the host that was asked', {}, { host: 'up.example' }, 'http://up.example/files/x'],
  ['over TLS', {}, { host: 'up.example' }, 'https://up.example/files/x', true],
  ['with a port', {}, host, 'http://me:8080/files/x'],
  ['without the default port', {}, { host: 'up.example:80' }, 'http://up.example/files/x'],
  ['without the default port of TLS', {}, { host: 'up.example:443' }, 'https://up.example/files/x', true],
  ['the default port of the other scheme stays', {}, { host: 'up.example:443' }, 'http://up.example:443/files/x'],
  ['IPv4', {}, { host: '127.0.0.1:1080' }, 'http://127.0.0.1:1080/files/x'],
  ['IPv6', {}, { host: '[::1]:1080' }, 'http://[::1]:1080/files/x'],
  ['IPv6 that ends like a port', {}, { host: '[::80]' }, 'http://[::80]/files/x'],
  ['a name of a container', {}, { host: 'holdfast_1' }, 'http://holdfast_1/files/x'],
  ['no host: the path', {}, {}, '/files/x'],
  ...[
    '',
    'a b',
    'a/b',
    'evil@host',
    'a\r\nSet-Cookie: x',
    'a\n',
    'a\0',
    'hòst',
    'a:x',
    'a:',
    'a:123456',
    '[::1',
    '::1',
    'a,b',
    'a"b',
    'a'.repeat(300),
  ].map((bad): Row => [`host ${JSON.stringify(bad).slice(0, 24)}: the path`, {}, { host: bad }, '/files/x']),
  ['relative, if wanted', { relativeLocation: true }, host, '/files/x'],
  ['below the root', { basePath: '/' }, host, 'http://me:8080/x'],
  ['below the root, relative', { basePath: '/', relativeLocation: true }, host, '/x'],
  ['below an absolute URL', { basePath: 'https://cdn.example/up/' }, host, 'https://cdn.example/up/x'],
  [
    'an absolute URL goes before relative',
    { basePath: 'https://cdn.example:443', relativeLocation: true },
    host,
    'https://cdn.example/x',
  ],
  [
    'an absolute URL goes before the proxy',
    { ...proxied, basePath: 'http://cdn.example/u' },
    { ...host, 'x-forwarded-host': 'p' },
    'http://cdn.example/u/x',
  ],
  [
    'a proxy is not believed by default',
    {},
    { ...host, 'x-forwarded-host': 'evil', 'x-forwarded-proto': 'https', forwarded: 'host=evil;proto=https' },
    'http://me:8080/files/x',
  ],
  [
    'X-Forwarded-*',
    proxied,
    { ...host, 'x-forwarded-host': 'up.example', 'x-forwarded-proto': 'https' },
    'https://up.example/files/x',
  ],
  ['X-Forwarded-Proto alone', proxied, { ...host, 'x-forwarded-proto': 'HTTPS' }, 'https://me:8080/files/x'],
  [
    'X-Forwarded-Proto may take TLS back',
    proxied,
    { ...host, 'x-forwarded-proto': 'http' },
    'http://me:8080/files/x',
    true,
  ],
  ['X-Forwarded-Host alone', proxied, { ...host, 'x-forwarded-host': 'up.example' }, 'http://up.example/files/x'],
  [
    'the first of several proxies',
    proxied,
    { ...host, 'x-forwarded-host': 'a.example, b.example', 'x-forwarded-proto': 'https, http' },
    'https://a.example/files/x',
  ],
  ['another scheme is ignored', proxied, { ...host, 'x-forwarded-proto': 'javascript' }, 'http://me:8080/files/x'],
  [
    'a malformed forwarded host is ignored',
    proxied,
    { ...host, 'x-forwarded-host': 'evil/path' },
    'http://me:8080/files/x',
  ],
  [
    'the default port of the forwarded scheme is left out',
    proxied,
    { ...host, 'x-forwarded-host': 'up.example:443', 'x-forwarded-proto': 'https' },
    'https://up.example/files/x',
  ],
  [
    'Forwarded',
    proxied,
    { ...host, forwarded: 'for=1.2.3.4;host=up.example;proto=https' },
    'https://up.example/files/x',
  ],
  [
    'Forwarded goes before X-Forwarded-*',
    proxied,
    { ...host, forwarded: 'host=a.example;proto=http', 'x-forwarded-host': 'b.example', 'x-forwarded-proto': 'https' },
    'http://a.example/files/x',
  ],
  [
    'what Forwarded does not say, X-Forwarded-* may',
    proxied,
    { ...host, forwarded: 'host=a.example', 'x-forwarded-proto': 'https' },
    'https://a.example/files/x',
  ],
  [
    'Forwarded: names in any letters, blanks, quotes',
    proxied,
    { ...host, forwarded: 'For="[::1]:5"; HOST="up.example:8443" ;Proto="https"' },
    'https://up.example:8443/files/x',
  ],
  [
    'Forwarded: escapes within quotes',
    proxied,
    { ...host, forwarded: 'host="up\\.example"' },
    'http://up.example/files/x',
  ],
  [
    'Forwarded: separators within quotes',
    proxied,
    { ...host, forwarded: 'for="a,b;host=evil";host=up.example' },
    'http://up.example/files/x',
  ],
  [
    'Forwarded: the first of several proxies',
    proxied,
    { ...host, forwarded: 'for=a, host=b.example;proto=https' },
    'http://me:8080/files/x',
  ],
  [
    'Forwarded: a malformed host is ignored',
    proxied,
    { ...host, forwarded: 'host="evil/path";proto=https' },
    'https://me:8080/files/x',
  ],
  ['Forwarded: another scheme is ignored', proxied, { ...host, forwarded: 'proto=ftp' }, 'http://me:8080/files/x'],
  [
    'Forwarded: an open quote says nothing',
    proxied,
    { ...host, forwarded: 'host="up.example' },
    'http://me:8080/files/x',
  ],
]
for (const [rule, options, fields, location, encrypted = false] of rows) {
  test(`Location: ${rule}`, () => assert.equal(at(options).locate('x', headOf({ fields, encrypted })), location))
}

const ids: [id: string, path: string][] = [
  ['a/b', '/files/a/b'],
  ['object+multipart', '/files/object+multipart'],
  ['a b', '/files/a%20b'],
  ['a?b#c', '/files/a%3Fb%23c'],
  ['100%', '/files/100%25'],
  ['ä', '/files/%C3%A4'],
  ['a\r\nb', '/files/a%0D%0Ab'],
]
for (const [id, path] of ids) {
  test(`Location: ID ${JSON.stringify(id)} is written ${path}, and read again`, () => {
    assert.equal(at().locate(id, headOf()), path)
    assert.equal(at().idOf(path), id)
  })
}
test('Location: half a surrogate pair does not throw', () =>
  assert.equal(at().locate('\ud800', headOf()), '/files/%EF%BF%BD'))

const written: [
  rule: string,
  options: Partial<LocationOptions>,
  target: string,
  url: string,
  id: string | undefined,
][] = [
  ['a path', {}, '/files', '/files/abc', 'abc'],
  ['a path with a slash at its end', {}, '/files', '/files/abc/', 'abc'],
  ['a URL of this host', {}, '/files', 'http://me:8080/files/abc', 'abc'],
  ['a URL of this host by TLS, which a proxy may have ended', {}, '/files', 'https://me:8080/files/abc', 'abc'],
  ['a URL of this host without a scheme', {}, '/files', '//me:8080/files/abc', 'abc'],
  ['a name beside the request', {}, '/files/', 'abc', 'abc'],
  ['a name beside the collection', {}, '/files', 'abc', undefined],
  ['dots that lead there', {}, '/files/', '../files/abc', 'abc'],
  ['dots that lead elsewhere', {}, '/files', '/files/../secret', undefined],
  ['an ID with a folder', {}, '/files', '/files/a/b', 'a/b'],
  ['an ID of tusd', {}, '/files', '/files/a+b%2Bc', 'a+b+c'],
  ['a query counts for nothing', {}, '/files', '/files/abc?x=1#y', 'abc'],
  ['another host', {}, '/files', 'http://other:8080/files/abc', undefined],
  ['another host without a scheme', {}, '/files', '//other/files/abc', undefined],
  ['another host behind a backslash', {}, '/files', '/\\other/files/abc', undefined],
  ['another port', {}, '/files', 'http://me:9090/files/abc', undefined],
  ['another scheme', {}, '/files', 'ftp://me:8080/files/abc', undefined],
  ['another path', {}, '/files', '/other/abc', undefined],
  ['the collection itself', {}, '/files', '/files/', undefined],
  ['a malformed escape', {}, '/files', '/files/%zz', undefined],
  ['no URL', {}, '/files', 'http://', undefined],
  [
    'the host of an absolute base path',
    { basePath: 'https://cdn.example/up' },
    '/up',
    'https://cdn.example/up/abc',
    'abc',
  ],
  [
    'another than the host of an absolute base path',
    { basePath: 'https://cdn.example/up' },
    '/up',
    'http://me:8080/up/abc',
    undefined,
  ],
  [
    'any host, where locations are relative',
    { relativeLocation: true },
    '/files',
    'https://seen.example/files/abc',
    'abc',
  ],
]
for (const [rule, options, target, url, id] of written) {
  test(`a URL in a field: ${rule}`, () => {
    const head = headOf({ method: 'POST', target, fields: { host: 'me:8080' } })
    assert.equal(at(options).idOfUrl(url, head), id)
  })
}
test('a URL in a field: any host, if this one is not known', () =>
  assert.equal(at().idOfUrl('https://seen.example/files/abc', headOf({ target: '/files' })), 'abc'))
