/**
 * JSON in the documentation: read by the code that reads what it claims to be.
 * @module
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { policyFor } from '../../../src/s3/doctor/index.js'
import { decodeRecord } from '../../../src/s3/record/codec.js'
import { type Block, placeOf, ROOT } from './block.js'
import type { Place } from './place.js'

interface Kind {
  what: string
  isOne: (value: Record<string, unknown>) => boolean
  check: (value: Record<string, unknown>, text: string, place: () => Promise<Place>) => Promise<void> | void
}

interface HookMessage {
  Type: string
  Event: {
    Upload: { ID: string; Size: number; Offset: number; MetaData: object; Storage: object }
    HTTPRequest: { Method: string; URI: string; RemoteAddr: string; Header: Record<string, [string]> }
  }
  DeliveryID: string
}

/** By its path, since tests of the rules run without it. */
async function hooks(): Promise<{
  messageOf(type: string, told: object): unknown
  readReply(value: unknown): unknown
}> {
  return import(pathToFileURL(join(ROOT, 'src', 'hooks', 'tusd.ts')).href)
}

const KINDS: readonly Kind[] = [
  {
    what: 'a record of the S3 store',
    isOne: (value) => 'Holdfast' in value,
    check: (_, text) => void assert.ok(decodeRecord(text), 'Holdfast does not read it as a record'),
  },
  {
    what: 'what hooks are sent',
    isOne: (value) => 'Event' in value,
    async check(value) {
      const { messageOf } = await hooks()
      const { Type, Event, DeliveryID } = value as unknown as HookMessage
      const { ID, Size, Offset, MetaData, Storage } = Event.Upload
      const { Method, URI, RemoteAddr, Header } = Event.HTTPRequest
      const headers = Object.fromEntries(Object.entries(Header).map(([name, [text]]) => [name.toLowerCase(), text]))
      const upload = { id: ID, length: Size, offset: Offset, metadata: MetaData, storage: Storage }
      const request = { method: Method, target: URI, headers, remoteAddress: RemoteAddr }
      assert.deepEqual(value, messageOf(Type, { upload, request, deliveryId: DeliveryID }), 'another message is sent')
    },
  },
  {
    what: 'what hooks answer',
    isOne: (value) => 'HTTPResponse' in value || 'RejectUpload' in value || 'ChangeFileInfo' in value,
    // What is not known is left out, so that it differs.
    check: async (value) => assert.deepEqual((await hooks()).readReply(value), value),
  },
  {
    what: 'a policy of S3',
    isOne: (value) => 'Statement' in value,
    check: (value) => assert.deepEqual(value, JSON.parse(policyOf(value)), 'holdfast doctor prints another policy'),
  },
  {
    what: 'a lifecycle of a bucket',
    isOne: (value) => 'Rules' in value,
    async check(value, _, place) {
      const { stdout } = await (await place()).run('holdfast', ['sweep', '--lifecycle'])
      assert.deepEqual(value, JSON.parse(stdout), 'holdfast sweep --lifecycle prints another one')
    },
  },
]

/** That of the doctor, for the bucket that the policy names. */
function policyOf(value: Record<string, unknown>): string {
  const [, bucket] = /arn:aws:s3:::([\w-]+)/.exec(JSON.stringify(value)) ?? []
  const policy = policyFor({
    bucket: bucket!,
    region: 'eu-central-1',
    objectPrefix: '',
    metadataObjectPrefix: '',
    more: [],
  })
  return JSON.stringify(policy)
}

export async function checkJson(block: Block, place: () => Promise<Place>): Promise<void> {
  const value = JSON.parse(block.text) as Record<string, unknown>
  const kind = KINDS.find(({ isOne }) => isOne(value))
  assert.ok(kind, `${placeOf(block)}: what reads it? Add a row to KINDS of test/docs/blocks/json.ts`)
  await kind.check(value, block.text, place)
}
