import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import loader from '@grpc/proto-loader'
import fc from 'fast-check'
import type { HookMessage } from '../../src/hooks/message.js'
import { encodeMessage, METHOD, REPLY } from '../../src/hooks/proto.js'
import { decode, encode, type Table } from '../../src/hooks/wire.js'

/** The file as another implementation of Protocol Buffers reads it. */
const definition = loader.loadSync(join(import.meta.dirname, '..', '..', 'src', 'hooks', 'hook.proto'), {
  keepCase: true,
  longs: Number,
  defaults: true,
})
const method = (definition['proto.HookHandler'] as unknown as Record<string, Method>).InvokeHook!
interface Method {
  path: string
  requestSerialize(value: object): Buffer
  requestDeserialize(bytes: Buffer): Record<string, unknown>
  responseSerialize(value: object): Buffer
}

test('the method has the path that the file says', () => assert.equal(METHOD, method.path))

/** The names of the file for those of JSON: ID is id, HTTPRequest is httpRequest, MetaData is metaData. */
const nameOf = (name: string): string =>
  name === 'DeliveryID' ? 'deliveryId' : name.replace(/^[A-Z]+(?![a-z])|^[A-Z]/, (text) => text.toLowerCase())

/** All fields that the table has, in the names of the file; maps keep their keys. */
function renamed(table: Table, value: Record<string, unknown>): Record<string, unknown> {
  const pairs = Object.entries(table).flatMap(([name, [, kind]]) => {
    const item = value[name]
    if (item === undefined) return []
    const isMessage = typeof kind === 'object'
    return [[nameOf(name), isMessage ? renamed(kind, item as Record<string, unknown>) : item]]
  })
  return Object.fromEntries(pairs)
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const map = fc.dictionary(
  text.filter((key) => key !== '__proto__'),
  text,
  { maxKeys: 4, noNullPrototype: true },
)
const int = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

test('what we send is read by another implementation as it is meant', () => {
  const upload = fc.record({
    ID: text,
    Size: int,
    SizeIsDeferred: fc.boolean(),
    Offset: int,
    MetaData: map,
    IsPartial: fc.boolean(),
    IsFinal: fc.boolean(),
    PartialUploads: fc.option(fc.array(text, { maxLength: 3 })),
    Storage: fc.option(map),
  })
  const header = fc.dictionary(
    fc.constantFrom('Host', 'Cookie', 'X-A'),
    fc.array(text, { minLength: 1, maxLength: 2 }),
    {
      noNullPrototype: true,
    },
  )
  const request = fc.record({ Method: text, URI: text, RemoteAddr: text, Header: header })
  fc.assert(
    fc.property(upload, request, text, (Upload, HTTPRequest, DeliveryID) => {
      const message = { Type: 'post-finish', Event: { Upload, HTTPRequest }, DeliveryID } satisfies HookMessage
      const { ID, MetaData, PartialUploads, Storage, ...rest } = Upload
      const first = Object.entries(HTTPRequest.Header).map(([name, values]) => [name, values[0]])
      assert.deepEqual(method.requestDeserialize(encodeMessage(message)), {
        type: 'post-finish',
        event: {
          upload: {
            id: ID,
            size: rest.Size,
            sizeIsDeferred: rest.SizeIsDeferred,
            offset: rest.Offset,
            isPartial: rest.IsPartial,
            isFinal: rest.IsFinal,
            metaData: MetaData,
            partialUploads: PartialUploads ?? [],
            storage: Storage ?? {},
          },
          httpRequest: {
            method: HTTPRequest.Method,
            uri: HTTPRequest.URI,
            remoteAddr: HTTPRequest.RemoteAddr,
            header: Object.fromEntries(first),
          },
        },
        deliveryId: DeliveryID,
      })
    }),
    { numRuns: 200 },
  )
})

/** A value for each field of a table, never the one that is taken for granted. */
function valuesOf(table: Table): fc.Arbitrary<Record<string, unknown>> {
  const some = text.filter((value) => value !== '')
  const fields = Object.entries(table).map(([name, [, kind]]) => {
    if (kind === 'text') return [name, some]
    if (kind === 'flag') return [name, fc.constant(true)]
    if (kind === 'int64') return [name, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })]
    if (kind === 'map') return [name, map.filter((value) => Object.keys(value).length > 0)]
    if (kind === 'texts') return [name, fc.array(text, { minLength: 1 })]
    return [name, valuesOf(kind)]
  })
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [],
    noNullPrototype: true,
  })
}

test('what another implementation answers is read as it is meant', () => {
  fc.assert(
    fc.property(valuesOf(REPLY), (value) => {
      assert.deepEqual(decode(REPLY, method.responseSerialize(renamed(REPLY, value))), value)
    }),
    { numRuns: 200 },
  )
})

const TABLE: Table = { Text: [1, 'text'], Number: [2, 'int64'], Inner: [3, { Flag: [1, 'flag'] }] }

test('numbers below zero, and fields that are not known, are read', () => {
  const bytes = encode(
    { ...TABLE, Other: [77, 'map'], More: [78, 'int64'] },
    { Number: -5, Other: { a: 'b' }, More: 9 },
  )
  assert.deepEqual(decode(TABLE, bytes), { Number: -5 })
  const fixed = Buffer.from([(9 << 3) | 1, 0, 0, 0, 0, 0, 0, 0, 0, (10 << 3) | 5, 0, 0, 0, 0, 0x0a, 1, 0x61])
  assert.deepEqual(decode(TABLE, fixed), { Text: 'a' })
})

test('what is no message is an error, whatever it is', () => {
  for (const [hex, says] of [
    ['0a05', /ends too early/],
    ['08', /ends too early/],
    ['0801', /Text has another type/],
    ['1200', /Number has another type/],
    ['0b', /no known type/],
    ['10ffffffffffffffffffffff', /too long/],
  ] as const) {
    assert.throws(() => decode(TABLE, Buffer.from(hex, 'hex')), says, hex)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decode(REPLY, Buffer.from(bytes))
      } catch (error) {
        assert.ok(error instanceof Error)
      }
    }),
    { numRuns: 500 },
  )
})
