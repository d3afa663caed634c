/**
 * JSON in the documentation: read by the code that reads what it claims to be.
 * @module
 */
import assert from 'node:assert/strict'
import { policyFor } from '../../../src/s3/doctor/index.js'
import { decodeRecord } from '../../../src/s3/record/codec.js'
import { type Block, placeOf } from './block.js'
import type { Place } from './place.js'

interface Kind {
  what: string
  isOne: (value: Record<string, unknown>) => boolean
  check: (value: Record<string, unknown>, text: string, place: () => Promise<Place>) => Promise<void> | void
}

const KINDS: readonly Kind[] = [
  {
    what: 'a record of the S3 store',
    isOne: (value) => 'Holdfast' in value,
    check: (_, text) => void assert.ok(decodeRecord(text), 'Holdfast does not read it as a record'),
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
