/**
 * What clients do while the disk fails: each scenario is a few requests, as a script.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identity } from '../../../src/disk/holder.js'
import type { Serve } from '../../../src/http/exchange.js'
import { seededBytes, thenSilence } from '../../../src/testing/contract/body.js'
import { type Answer, Client } from './client.js'

export const CONTENT = seededBytes(7, 3_000)
const SIZE = CONTENT.byteLength

export interface Scene {
  client: Client
  directory: string
  /** Another server on the same folder, as another process has it. */
  other: Serve
}

export interface Scenario {
  /** What the client wants in the end. */
  goal: 'finished' | 'terminated'
  /** What was there before: no call of it is struck. */
  prepare?: (scene: Scene) => Promise<void>
  /** Throws at the first answer that is not as it should be. */
  run: (scene: Scene) => Promise<void>
  /** Makes the clock of the process run so many times as fast, so that a commit of a slow body comes soon. */
  clock?: number
}

/** The client was refused; what it does then is not part of the scenario. */
export class Refused extends Error {}

function expect(status: number, answer: Answer): Answer {
  if (answer.status !== status) throw new Refused(`${answer.status} instead of ${status}`)
  return answer
}

const created = async ({ client }: Scene): Promise<void> => {
  expect(201, await client.create(SIZE))
}
const begun = async (scene: Scene): Promise<void> => {
  await created(scene)
  expect(204, await scene.client.append(0, 1_000))
}
const whole = async ({ client }: Scene): Promise<void> => {
  expect(201, await client.create(SIZE, SIZE))
}
const idOf = ({ client }: Scene): string => client.known.location?.split('/').at(-1) ?? ''

const tokenOf = (letter: string): string => letter.repeat(32)

/** What processes that were killed in the midst of a commit left: bytes, locks, a record half written. */
async function bereaved(scene: Scene, holders: number): Promise<void> {
  await begun(scene)
  const data = join(scene.directory, idOf(scene))
  const { pid } = spawnSync('true')
  const dead = { ...(await identity('')), pid }
  appendFileSync(data, seededBytes(8, 300))
  writeFileSync(`${data}.lock.${tokenOf('a')}.tmp`, '{"ID":"hal')
  writeFileSync(`${data}.lock`, JSON.stringify({ ...dead, token: tokenOf('a') }))
  // The second died when it had the right to replace the first.
  if (holders > 1) writeFileSync(`${data}.lock.${tokenOf('a')}`, JSON.stringify({ ...dead, token: tokenOf('b') }))
}

async function appendedRest({ client }: Scene): Promise<void> {
  expect(204, await client.append(1_000, SIZE))
}

export const SCENARIOS: Record<string, Scenario> = {
  'a small upload in one request': {
    goal: 'finished',
    run: whole,
  },
  'a creation with a part of the bytes, and the rest': {
    goal: 'finished',
    async run({ client }) {
      expect(201, await client.create(SIZE, 1_200))
      expect(204, await client.append(1_200, SIZE))
    },
  },
  'a creation, two appends, a download': {
    goal: 'finished',
    async run({ client }) {
      expect(201, await client.create(SIZE))
      expect(204, await client.append(0, 700))
      expect(200, await client.offset())
      expect(204, await client.append(700, SIZE))
      expect(200, await client.read())
    },
  },
  'a deferred length, told by the last append': {
    goal: 'finished',
    prepare: async ({ client }) => {
      expect(201, await client.createDeferred())
    },
    async run({ client }) {
      expect(204, await client.append(0, 1_000))
      expect(204, await client.append(1_000, SIZE, { fields: { 'upload-length': String(SIZE) } }))
    },
  },
  'a deferred length, told by an append without bytes': {
    goal: 'finished',
    prepare: async ({ client }) => {
      expect(201, await client.createDeferred())
      expect(204, await client.append(0, SIZE))
    },
    async run({ client }) {
      expect(204, await client.append(SIZE, SIZE, { fields: { 'upload-length': String(SIZE) } }))
    },
  },
  'an append to an upload that is under way': {
    goal: 'finished',
    prepare: begun,
    run: appendedRest,
  },
  'bodies with checksums': {
    goal: 'finished',
    prepare: created,
    async run({ client }) {
      expect(204, await client.append(0, 1_000, { checksum: true }))
      expect(204, await client.append(1_000, SIZE, { checksum: true }))
    },
  },
  'the termination of an upload that is under way': {
    goal: 'terminated',
    prepare: begun,
    async run({ client }) {
      expect(204, await client.terminate())
    },
  },
  'the termination of a finished upload': {
    goal: 'terminated',
    prepare: whole,
    async run({ client }) {
      expect(204, await client.terminate())
    },
  },
  'a dead holder is replaced': {
    goal: 'finished',
    prepare: (scene) => bereaved(scene, 1),
    run: appendedRest,
  },
  'a dead holder is replaced, and the one that was about to replace it': {
    goal: 'finished',
    prepare: (scene) => bereaved(scene, 2),
    run: appendedRest,
  },
  'commits in the midst of a slow body': {
    goal: 'finished',
    clock: 10,
    prepare: created,
    async run({ client }) {
      async function* slowly() {
        yield CONTENT.subarray(0, 1_500)
        await sleep(300)
        yield CONTENT.subarray(1_500)
      }
      expect(204, await client.append(0, SIZE, { chunks: slowly() }))
    },
  },
  'a writer yields to another server': {
    goal: 'finished',
    clock: 10,
    prepare: created,
    async run({ client, other }) {
      const silent = client.append(0, SIZE, { chunks: thenSilence([CONTENT.subarray(0, 1_000)]) })
      await sleep(15)
      const newcomer = new Client(other, CONTENT, { known: client.known, onKnown: client.onKnown })
      const first = await newcomer.append(0, SIZE)
      if (first.status !== 409) {
        // Whoever comes next has the holder yield.
        silent.catch(() => undefined)
        throw new Refused(`${first.status}`)
      }
      const last = await silent
      // The holder commits when it yields, so what the newcomer knew of the upload is out of date by then.
      expect(409, last)
      expect(204, await client.append(1_000, SIZE))
    },
  },
}
