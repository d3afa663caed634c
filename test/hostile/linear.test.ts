/**
 * No field costs more than its length: each parser is given inputs that grow, of the shapes in which patterns that
 * backtrack grow faster, and the growth of its time is looked at, not the time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { corsFields, corsOf } from '../../src/http/cors.js'
import { mayInform } from '../../src/http/interim.js'
import { locationOf } from '../../src/http/location.js'
import { evaluate, rangeOf } from '../../src/protocol/conditions.js'
import { parseContentDigest, parseReprDigest } from '../../src/protocol/digests.js'
import { planDownload } from '../../src/protocol/download.js'
import { parseBase64, parseDate, parseInteger, parseMediaType } from '../../src/protocol/fields.js'
import type { Fields, RequestHead } from '../../src/protocol/message.js'
import { rufhOf } from '../../src/protocol/rufh/index.js'
import { parseSfBoolean, parseSfInteger } from '../../src/protocol/structured.js'
import { parseChecksum } from '../../src/protocol/tus1/checksum.js'
import { parseConcat } from '../../src/protocol/tus1/concat.js'
import { encodeMetadata, parseMetadata } from '../../src/protocol/tus1/metadata.js'

const SMALL = 8 * 1024
/** Times the small size. Linear work takes 8 times as long, quadratic work 64 times. */
const GROWTH = 8
const ALLOWED = 24
/** Milliseconds; quadratic work on the large size takes a second and more, so that the growth of less is noise. */
const NOTHING = 100

const location = locationOf({ basePath: '/files', trustProxy: true, relativeLocation: false })
const cors = corsOf({ allowOrigin: ['https://a.example'] })
const headWith = (fields: Fields, target = '/files/a'): RequestHead => ({
  method: 'POST',
  target,
  fields: { host: 'h', ...fields },
  encrypted: false,
  remoteAddress: undefined,
})
const create = (fields: Fields): unknown =>
  rufhOf(9)!.parse(headWith({ 'upload-complete': '?1', ...fields }), { id: undefined, maxMetadataSize: 1e9 })
const validators = { etag: '"a"', modifiedAt: 0 }
const content = (metadata: Record<string, string>): unknown =>
  planDownload(headWith({}), { size: 5, ...validators, metadata })

const PARSERS: Record<string, (text: string) => unknown> = {
  'the target': (text) => location.idOf(`/files/${text}`),
  'a target of its own': (text) => location.idOf(text),
  'a URL in Upload-Concat': (text) => location.idOfUrl(text, headWith({})),
  'the path of a URL in Upload-Concat': (text) => location.idOfUrl(`http://h/files/${text}`, headWith({})),
  'Upload-Concat': (text) => parseConcat(text, (url) => url),
  'the URLs of Upload-Concat': (text) => parseConcat(`final;${text}`, (url) => url),
  Forwarded: (text) => location.locate('a', headWith({ forwarded: text })),
  'X-Forwarded-Host': (text) => location.locate('a', headWith({ 'x-forwarded-host': text })),
  'X-Forwarded-Proto': (text) => location.locate('a', headWith({ 'x-forwarded-proto': text })),
  Host: (text) => location.locate('a', headWith({ host: text })),
  Origin: (text) => corsFields(cors, headWith({ origin: text })),
  Via: (text) => mayInform('auto')(headWith({ via: text })),
  'Upload-Metadata': (text) => parseMetadata(text, 1e9),
  'a value in Upload-Metadata': (text) => parseMetadata(`a ${text}`, 1e9),
  'the keys of a record': (text) => encodeMetadata({ [text]: text }),
  'Upload-Checksum': parseChecksum,
  'the digest in Upload-Checksum': (text) => parseChecksum(`sha1 ${text}`),
  'Content-Digest': parseContentDigest,
  'the bytes in Repr-Digest': (text) => parseReprDigest(`sha-256=:${text}:`),
  'Upload-Complete': parseSfBoolean,
  'Upload-Offset of the draft': parseSfInteger,
  'parameters of Upload-Offset': (text) => parseSfInteger(`1${text}`),
  'Upload-Offset': parseInteger,
  Base64: parseBase64,
  dates: parseDate,
  'media types': parseMediaType,
  'Content-Type and Content-Disposition of a creation': (text) =>
    create({ 'content-type': `text/html;${text}`, 'content-disposition': text }),
  'parameters of Content-Disposition': (text) => create({ 'content-disposition': `attachment; filename=${text}` }),
  'a quoted name in Content-Disposition': (text) => create({ 'content-disposition': `attachment; filename="${text}` }),
  'an encoded name in Content-Disposition': (text) =>
    create({ 'content-disposition': `attachment; filename*=UTF-8''${text}` }),
  'If-Match': (text) => evaluate({ 'if-match': text }, validators),
  'If-None-Match': (text) => evaluate({ 'if-none-match': text }, validators),
  'If-Range': (text) => rangeOf({ range: 'bytes=0-1', 'if-range': text }, validators, 5),
  'If-Modified-Since': (text) => evaluate({ 'if-modified-since': text }, validators),
  Range: (text) => rangeOf({ range: text }, validators, 5),
  'numbers in Range': (text) => rangeOf({ range: `bytes=${text}` }, validators, 5),
  'a name in the metadata': (text) => content({ filename: text }),
  'a type in the metadata': (text) => content({ filetype: `text/html;${text}` }),
}

/** What is repeated, and what comes after it, so that the pattern fails at the very end. */
const SHAPES: readonly [unit: string, end: string][] = [
  ...[
    ' ',
    '\t',
    '\t ',
    ',',
    ', ',
    ' ,',
    ';',
    '; ',
    ';a=',
    ';a="',
    ';a',
    '"',
    '\\',
    '\\"',
    '"a"',
    '"a", ',
    '""',
    'W/',
    'W/"',
  ],
  ...[
    '/',
    '//',
    '\\/',
    '%',
    '%41',
    '%2f',
    '%e9',
    '?',
    '#',
    '.',
    '../',
    ':',
    '::',
    '[',
    '@',
    '0',
    '1',
    '00',
    '-',
    'a',
    'a=',
    'a=a;',
  ],
  ...[
    'a ',
    'a,',
    'a b',
    'AAAA',
    '=',
    '==',
    'é',
    '💾',
    '\u202e',
    '(',
    '((',
    '(a ',
    '?1',
    ':',
    ':a:',
    "'",
    "''",
    '*',
    "*=''",
    'a*=',
    '%"',
  ],
  ...['for=a;', 'host=a,', 'host="', 'host="\\', 'bytes=', '0-', '0-0,', ' GMT', '\0', '\r\n', '\ud800', '__proto__,'],
].flatMap((unit) => ['', '!', 'x', '"', '\n', ' x', ';', '\\'].map((end): [string, string] => [unit, end]))

const inputOf = ([unit, end]: readonly [string, string], size: number): string =>
  unit.repeat(Math.ceil(size / unit.length)) + end

function attempt(parser: (text: string) => unknown, text: string): void {
  try {
    parser(text)
  } catch {
    // A refusal takes its time, too.
  }
}

/** Tries of each measurement; the fastest counts. */
const TRIES = 10
/** Milliseconds for the tries of what is slow each time. */
const ENOUGH = 4_000

/** Milliseconds of this process, whatever others do meanwhile. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Milliseconds of the fastest try, or of one that was faster than `least`. */
function timeOf(parser: (text: string) => unknown, text: string, least: number): number {
  let fastest = Number.POSITIVE_INFINITY
  const begun = cpuTime()
  for (let index = 0; index < TRIES && fastest >= least; index++) {
    const started = cpuTime()
    attempt(parser, text)
    const ended = cpuTime()
    fastest = Math.min(fastest, ended - started)
    if (ended - begun > ENOUGH) break
  }
  return fastest
}

for (const [name, parser] of Object.entries(PARSERS)) {
  test(`the time for ${name} grows as its length does`, () => {
    for (const shape of SHAPES) {
      const after = timeOf(parser, inputOf(shape, SMALL * GROWTH), NOTHING)
      if (after < NOTHING) continue
      const growth = after / timeOf(parser, inputOf(shape, SMALL), 0)
      assert.ok(
        growth < ALLOWED,
        `${JSON.stringify(shape)}: ${GROWTH} times the length takes ${growth.toFixed(1)} times as long (${after.toFixed(1)} ms)`,
      )
    }
  })
}
