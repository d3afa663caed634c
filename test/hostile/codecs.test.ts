/** Whatever a head holds, it becomes a command or a refusal; whatever a record holds, it becomes a head that can be sent. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FAILURES, type FailureCode, UploadError } from '../../src/errors.js'
import { corsFields, corsOf } from '../../src/http/cors.js'
import { locationOf } from '../../src/http/location.js'
import type { Codec, RenderContext } from '../../src/protocol/codec.js'
import { planDownload } from '../../src/protocol/download.js'
import type { RequestHead, ResponseHead } from '../../src/protocol/message.js'
import { rufhOf, unversioned } from '../../src/protocol/rufh/index.js'
import { codecFor } from '../../src/protocol/select.js'
import { tus1 } from '../../src/protocol/tus1/index.js'
import type { Outcome } from '../../src/upload/command.js'
import { head, info, value } from './heads.js'
import { parameters } from './seed.js'

const KINDS = ['options', 'create', 'append', 'offset', 'cancel', 'read']
const CODECS: readonly Codec[] = [tus1, unversioned, ...[3, 4, 5, 6, 7, 8, 9].map((version) => rufhOf(version)!)]
const CODES = Object.keys(FAILURES) as FailureCode[]

const locations = [true, false].flatMap((trustProxy) =>
  [true, false].map((relativeLocation) => locationOf({ basePath: '/files', trustProxy, relativeLocation })),
)
const corses = [
  corsOf({}),
  corsOf({ allowOrigin: /./s, allowCredentials: true }),
  corsOf({ allowOrigin: () => true, allowCredentials: true }),
]

const contextOf = (request: RequestHead, index: number): RenderContext => ({
  locate: (id) => locations[index % locations.length]!.locate(id, request),
  extensions: ['creation', 'termination', 'concatenation'],
  maxSize: index % 2 === 0 ? 1_000 : undefined,
  now: 0,
})

/** As every adapter can send it: RFC 9110's field-value in ASCII, which all of ours are. */
function mustBeSendable({ status, fields, text }: ResponseHead): void {
  assert.ok(Number.isInteger(status) && status >= 100 && status < 600, `status ${status}`)
  for (const [name, text] of Object.entries(fields)) {
    assert.match(name, /^[A-Za-z-]+$/)
    assert.equal(typeof text, 'string', name)
    assert.match(text, /^[\t\x20-\x7e]*$/, `${name}: ${JSON.stringify(text)}`)
  }
  if (text !== undefined) assert.ok(typeof text === 'string' && text.length < 100_000)
}

/** Runs `work`; a refusal is as good as a result. */
function orRefusal<T>(work: () => T): T | UploadError {
  try {
    return work()
  } catch (error) {
    if (error instanceof UploadError) return error
    throw error
  }
}

describe('hostile heads', () => {
  test('a head becomes a command or a refusal of the client, by each codec and by the one that is chosen', () => {
    fc.assert(
      fc.property(head, fc.nat(), (request, index) => {
        const location = locations[index % locations.length]!
        const id = orRefusal(() => location.idOf(request.target))
        const chosen = codecFor(request, { rufh: index % 3 > 0, unversioned: index % 2 === 0 })
        for (const codec of [chosen, ...CODECS]) {
          for (const at of id instanceof UploadError ? [undefined, 'a'] : [id]) {
            const options = { id: at, maxMetadataSize: 8_192, idOfUrl: (url: string) => location.idOfUrl(url, request) }
            const parsed = orRefusal(() => codec.parse(request, options))
            if (parsed instanceof UploadError) {
              assert.ok(parsed.status >= 400 && parsed.status < 500, parsed.code)
              mustBeSendable(codec.renderFailure(parsed, request, contextOf(request, index)))
            } else assert.ok(KINDS.includes(parsed.kind))
          }
        }
      }),
      parameters(600),
    )
  })

  test('the fields of any outcome can be sent, whatever its record holds', () => {
    fc.assert(
      fc.property(head, info, fc.nat(), (request, known, index) => {
        const context = contextOf(request, index)
        const outcomes: Exclude<Outcome, { kind: 'content' }>[] = [
          { kind: 'options' },
          { kind: 'created', info: known, appended: index % 2 === 0 },
          { kind: 'appended', info: known },
          { kind: 'offset', info: known },
          { kind: 'cancelled' },
        ]
        for (const codec of [codecFor(request, { rufh: true, unversioned: false }), ...CODECS]) {
          for (const outcome of outcomes) mustBeSendable(codec.render(outcome, context))
          for (const report of [
            { kind: 'created', info: known },
            { kind: 'stored', offset: known.offset },
          ] as const) {
            const interim = codec.renderReport?.(report, context)
            if (interim) mustBeSendable(interim)
          }
        }
      }),
      parameters(400),
    )
  })

  test('the fields of any failure can be sent, whatever it says', () => {
    fc.assert(
      fc.property(head, fc.constantFrom(...CODES), value, fc.nat(), (request, code, message, index) => {
        const details = { message, offset: index, retryAfter: index, allow: ['GET', 'DELETE'] }
        const error = new UploadError(code, details)
        for (const codec of CODECS) mustBeSendable(codec.renderFailure(error, request, contextOf(request, index)))
      }),
      parameters(400),
    )
  })

  test('the fields of any download can be sent, and its range is inside of the content', () => {
    fc.assert(
      fc.property(head, info, ({ fields, ...rest }, { metadata, etag, completedAt, offset: size }) => {
        const content = { size, etag, modifiedAt: completedAt, metadata }
        const plan = planDownload({ ...rest, fields }, content)
        mustBeSendable(plan.head)
        const { first, last } = plan.range ?? { first: 0, last: 0 }
        assert.ok(first >= 0 && first <= last && (!plan.range || last < size))
      }),
      parameters(600),
    )
  })

  test('the fields of CORS can be sent, whatever the Origin', () => {
    fc.assert(
      fc.property(head, value, (request, origin) => {
        const asked = { ...request, fields: { ...request.fields, origin } }
        for (const cors of corses) mustBeSendable({ status: 204, fields: corsFields(cors, asked) })
      }),
      parameters(400),
    )
  })
})
