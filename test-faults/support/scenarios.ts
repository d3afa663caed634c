/**
 * What clients do while S3 fails: the fixed set that is run with a fault at each of its S3 calls.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import type { ProxiedCall, ProxyFault } from '../../test/support/fault-proxy.js'
import { Client } from './client.js'
import { mustBeTold } from './hooks.js'
import type { Run } from './run.js'
import type { Settings } from './servers.js'
import { sweepAll } from './sweeping.js'

export interface Scenario {
  readonly name: string
  /** Needs a server that a fault has left behind, or several: peers without such an ability are spared it. */
  readonly several?: boolean
  readonly extension?: 'checksum' | 'concatenation' | 'creation-defer-length' | 'creation-with-upload' | 'digests'
  readonly settings?: Partial<Settings>
  /** How many calls there are depends on the time that they take, so that a point may be missed. */
  readonly isTimed?: boolean
  /** Bytes of the file, in parts. */
  size(part: number): number
  /** @returns what became of the upload */
  play(run: Run, client: Client, file: Buffer): Promise<'finished' | 'terminated' | 'refused' | 'expired'>
}

const lengthOf = (file: Buffer) => ({ 'Upload-Length': String(file.length), 'Upload-Metadata': 'filename Zi5iaW4=' })

/** What the whole content is said to have. */
const digestOf = (file: Buffer) => ({
  'Repr-Digest': `sha-256=:${createHash('sha256').update(file).digest('base64')}:`,
})

/** No record is written any more, as if the process had died before it. */
const lostRecords = ({ operation, key }: ProxiedCall): ProxyFault | undefined =>
  operation === 'PutObject' && key.endsWith('.info') ? { action: 'reset-before' } : undefined

/** One file by one client on one node, in requests that end at these offsets. */
const plain = (
  name: string,
  size: (part: number) => number,
  ends: (part: number) => number[] = () => [],
): Scenario => ({
  name,
  size,
  async play({ target }, client, file) {
    await client.create('A', lengthOf(file))
    for (const end of [...ends(target.partSize), file.length]) await client.send('A', end)
    return 'finished'
  },
})

/** An upload whose first writer failed in this way; another node goes on with it. */
const takenOver = (
  name: string,
  size: (part: number) => number,
  sent: (part: number) => number,
  faults: () => (call: ProxiedCall) => ProxyFault | undefined,
  ends: (part: number) => number[] = () => [],
): Scenario => ({
  name,
  several: true,
  size,
  async play(run, client, file) {
    await run.before(
      () => undefined,
      () => client.create('A', lengthOf(file)),
    )
    await run.before(faults(), () => client.patchOnce('A', sent(run.target.partSize)))
    await run.restart('A')
    for (const end of [...ends(run.target.partSize), file.length]) await client.send('B', end)
    return 'finished'
  },
})

/** Three partial uploads: one of a part, one that is smaller than any part may be, one of more than a part. */
function partialsOf(run: Run, file: Buffer): Client[] {
  const { partSize } = run.target
  const ends = [partSize, partSize + 1_000, file.length]
  return ends.map((end, index) => new Client(run, file.subarray(ends[index - 1] ?? 0, end)))
}

const finalOf = (partials: readonly Client[]): Record<string, string> => ({
  'Upload-Concat': `final;${partials.map(({ path }) => `/files/${path}`).join(' ')}`,
})

const MINUTE = 60_000
/** To a node whose clock is that far ahead, what was begun by this rule has expired. */
const EXPIRES: Partial<Settings> = { expiresAfter: 10 * MINUTE, prefix: 'swept-' }
const LATER = { ahead: 60 * MINUTE, keepExpired: 24 * 60 * MINUTE }

/** An upload that was given up, with a part and a tail. */
const givenUp = (run: Run, client: Client, file: Buffer): Promise<void> =>
  run.before(
    () => undefined,
    async () => {
      await client.create('A', lengthOf(file))
      await client.send('A', Math.ceil(1.5 * run.target.partSize))
      await client.send('A', Math.ceil(1.7 * run.target.partSize))
      await run.restart('A')
    },
  )

const UNDONE: ProxyFault = { action: 'status', status: 500, code: 'InternalError' }

export const SCENARIOS: readonly Scenario[] = [
  plain('an empty file', () => 0),
  plain('a small file', () => 1_000),
  plain('a file of one part', (part) => part),
  plain('many parts in one request', (part) => 5 * part + 77),
  plain(
    'only a tail: a small file in three requests',
    () => 3_000,
    () => [1_000, 1_500],
  ),
  plain(
    'parts and tails by turns',
    (part) => 4 * part + 77,
    (part) => [1, 2, 3].map((n) => Math.ceil(n * 1.3 * part)),
  ),
  plain(
    'many tiny requests',
    () => 1_100,
    () => Array.from({ length: 10 }, (_, n) => (n + 1) * 100),
  ),
  {
    name: 'commits while a long request lasts',
    settings: { commitInterval: 1 },
    isTimed: true,
    size: (part) => 5 * part + 77,
    async play(_, client, file) {
      await client.create('A', lengthOf(file))
      await client.send('A', file.length, { pace: 60 })
      return 'finished'
    },
  },
  {
    name: 'creation with upload',
    extension: 'creation-with-upload',
    size: () => 1_000,
    async play(_, client, file) {
      await client.create('A', lengthOf(file), file)
      await client.send('A', file.length)
      return 'finished'
    },
  },
  {
    name: 'creation with the first bytes of a large upload',
    extension: 'creation-with-upload',
    size: (part) => 3 * part,
    async play({ target }, client, file) {
      await client.create('A', lengthOf(file), file.subarray(0, target.partSize + 500))
      await client.send('A', file.length)
      return 'finished'
    },
  },
  {
    name: 'deferred length',
    extension: 'creation-defer-length',
    size: (part) => 3 * part + 5,
    async play({ target }, client, file) {
      await client.create('A', { 'Upload-Defer-Length': '1' })
      await client.send('A', Math.ceil(1.5 * target.partSize))
      await client.send('A', file.length, { length: file.length })
      return 'finished'
    },
  },
  {
    name: 'checksums',
    extension: 'checksum',
    size: (part) => 3 * part + 5,
    async play({ target }, client, file) {
      await client.create('A', lengthOf(file))
      await client.send('A', Math.ceil(1.5 * target.partSize), { checksum: true })
      await client.send('A', file.length, { checksum: true })
      return 'finished'
    },
  },
  {
    name: 'a digest of the whole, on two nodes by turns',
    extension: 'digests',
    several: true,
    size: (part) => 2 * part + 77,
    async play({ target: { partSize } }, client, file) {
      await client.create('A', { ...lengthOf(file), ...digestOf(file) })
      await client.send('A', Math.ceil(1.2 * partSize))
      await client.send('B', file.length)
      return 'finished'
    },
  },
  {
    name: 'a digest of the whole of a small file',
    extension: 'digests',
    size: () => 1_000,
    async play(_, client, file) {
      await client.create('A', { ...lengthOf(file), ...digestOf(file) })
      await client.send('A', file.length)
      return 'finished'
    },
  },
  {
    name: 'a wrong digest of the whole, on two nodes by turns',
    extension: 'digests',
    several: true,
    size: (part) => 2 * part + 77,
    async play({ target: { partSize } }, client, file) {
      await client.create('A', { ...lengthOf(file), ...digestOf(file.subarray(1)) })
      await client.send('A', Math.ceil(1.2 * partSize))
      await client.sendInVain('B')
      return 'refused'
    },
  },
  {
    name: 'a wrong digest of the whole of a small file',
    extension: 'digests',
    size: () => 1_000,
    async play(_, client, file) {
      await client.create('A', { ...lengthOf(file), ...digestOf(file.subarray(1)) })
      await client.sendInVain('A')
      return 'refused'
    },
  },
  {
    name: 'termination of an unfinished upload',
    size: (part) => 3 * part,
    async play({ target }, client, file) {
      await client.create('A', lengthOf(file))
      await client.send('A', Math.ceil(1.5 * target.partSize))
      await client.terminate('A')
      return 'terminated'
    },
  },
  {
    name: 'termination of a finished upload, on another node',
    several: true,
    size: (part) => 2 * part,
    async play(run, client, file) {
      await run.before(
        () => undefined,
        async () => {
          await client.create('A', lengthOf(file))
          await client.send('A', file.length)
        },
      )
      await client.terminate('B')
      return 'terminated'
    },
  },
  {
    name: 'download of a finished upload',
    size: (part) => 2 * part,
    async play(run, client, file) {
      await run.before(
        () => undefined,
        async () => {
          await client.create('A', lengthOf(file))
          await client.send('A', file.length)
        },
      )
      await client.download('A')
      return 'finished'
    },
  },
  {
    name: 'two nodes by turns',
    several: true,
    size: (part) => 5 * part,
    async play({ target: { partSize } }, client, file) {
      await client.create('A', lengthOf(file))
      for (const [node, parts] of [
        ['A', 1.4],
        ['B', 2.6],
        ['A', 2.7],
        ['B', 4],
      ] as const) {
        await client.send(node, Math.ceil(parts * partSize))
        await client.head(node === 'A' ? 'B' : 'A')
      }
      await client.send('A', file.length)
      return 'finished'
    },
  },
  {
    name: 'a restart between two requests',
    several: true,
    size: (part) => 4 * part,
    async play(run, client, file) {
      await client.create('A', lengthOf(file))
      await client.send('A', Math.ceil(2.5 * run.target.partSize))
      await run.restart('A')
      await client.send('A', file.length)
      return 'finished'
    },
  },
  {
    name: 'a server that finds out what S3 does',
    several: true,
    settings: { asks: true },
    size: () => 1_000,
    async play(_, client, file) {
      await client.create('A', lengthOf(file))
      await client.send('A', file.length)
      return 'finished'
    },
  },
  {
    name: 'concatenation',
    extension: 'concatenation',
    size: (part) => 3 * part + 1_000,
    async play(run, client, file) {
      const partials = partialsOf(run, file)
      for (const partial of partials) {
        await partial.create('A', { 'Upload-Concat': 'partial', 'Upload-Length': String(partial.length) })
        await partial.send('A', partial.length)
      }
      await client.create('A', finalOf(partials))
      return 'finished'
    },
  },
  {
    name: 'concatenation, with a digest of the whole',
    extension: 'digests',
    size: (part) => 2 * part,
    async play(run, client, file) {
      const { partSize } = run.target
      const partials = [file.subarray(0, partSize), file.subarray(partSize)].map((bytes) => new Client(run, bytes))
      await run.before(
        () => undefined,
        async () => {
          for (const partial of partials) {
            await partial.create('A', { 'Upload-Concat': 'partial', 'Upload-Length': String(partial.length) })
            await partial.send('A', partial.length)
          }
        },
      )
      await client.create('A', { ...finalOf(partials), ...digestOf(file) })
      return 'finished'
    },
  },
  {
    name: 'concatenation of what comes later, on two nodes',
    extension: 'concatenation',
    several: true,
    size: (part) => 3 * part + 1_000,
    async play(run, client, file) {
      const partials = partialsOf(run, file)
      await run.before(
        () => undefined,
        async () => {
          for (const partial of partials) {
            await partial.create('A', { 'Upload-Concat': 'partial', 'Upload-Length': String(partial.length) })
          }
          await partials[0]!.send('A', partials[0]!.length)
        },
      )
      await client.create('A', finalOf(partials))
      await partials[1]!.send('B', partials[1]!.length)
      await partials[2]!.send('A', partials[2]!.length)
      return 'finished'
    },
  },
  {
    name: 'expiration: a sweep removes the bytes',
    several: true,
    settings: EXPIRES,
    size: (part) => 3 * part,
    async play(run, client, file) {
      await givenUp(run, client, file)
      await sweepAll(run, 'B', LATER)
      return 'expired'
    },
  },
  {
    name: 'expiration: two nodes sweep, and later the record goes',
    several: true,
    isTimed: true,
    settings: EXPIRES,
    size: (part) => 3 * part,
    async play(run, client, file) {
      await givenUp(run, client, file)
      await Promise.all([sweepAll(run, 'B', LATER), sweepAll(run, 'A', LATER)])
      await sweepAll(run, 'A', { ...LATER, keepExpired: 0 })
      return 'terminated'
    },
  },
  {
    name: 'expiration: a sweep completes what has all its bytes',
    several: true,
    settings: EXPIRES,
    size: (part) => 3 * part,
    async play(run, client, file) {
      await run.before(
        ({ operation }) => (operation === 'CompleteMultipartUpload' ? UNDONE : undefined),
        async () => {
          await client.create('A', lengthOf(file))
          await client.patchOnce('A', file.length)
          await run.restart('A')
        },
      )
      await sweepAll(run, 'B', LATER)
      return 'finished'
    },
  },
  ...(['small', 'large'] as const).map(
    (which): Scenario => ({
      name: `hooks: a ${which} file that is accepted, and told as finished`,
      several: true,
      isTimed: true,
      settings: { hooks: 'accepts', prefix: 'hooked-' },
      size: (part) => (which === 'small' ? 1_000 : 2 * part + 77),
      async play(run, client, file) {
        await client.create('A', lengthOf(file))
        await client.send('A', file.length)
        await run.restart('A')
        await mustBeTold(run, client)
        return 'finished'
      },
    }),
  ),
  {
    name: 'hooks: a file that is refused',
    settings: { hooks: 'refuses' },
    size: (part) => 2 * part + 77,
    async play(_, client, file) {
      await client.create('A', lengthOf(file))
      await client.sendInVain('A')
      return 'refused'
    },
  },
  takenOver(
    'a tail that was stored and not committed',
    () => 3_000,
    () => 1_000,
    () => lostRecords,
    () => [1_500],
  ),
  takenOver(
    'parts that were stored and not committed',
    (part) => 4 * part,
    (part) => Math.ceil(2.5 * part),
    () => lostRecords,
  ),
  takenOver(
    'an object that was stored and not committed',
    () => 3_000,
    () => 3_000,
    () => lostRecords,
  ),
  takenOver(
    'a completion that S3 refused',
    (part) => 3 * part,
    (part) => 3 * part,
    () =>
      ({ operation }) =>
        operation === 'CompleteMultipartUpload' ? UNDONE : undefined,
  ),
  takenOver(
    'a completion that was done and not committed',
    (part) => 3 * part,
    (part) => 3 * part,
    () => {
      let isDone = false
      return (call) => {
        isDone ||= call.operation === 'CompleteMultipartUpload'
        return isDone ? lostRecords(call) : undefined
      }
    },
  ),
]

/** The file of a run; other bytes each time. */
export const fileFor = ({ size }: Scenario, { target }: Run): Buffer => randomBytes(size(target.partSize))
