/**
 * What Holdfast must do on every S3 server: the contract of stores, and uploads over HTTP with a real client, looked at
 * in the bucket.
 * @module
 */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { storeContract } from '../src/testing/store-contract.js'
import { sha256, someBytes } from '../test/support/bucket.js'
import { head, idOf, offsetOf, patch, post, TUS } from '../test/support/stack.js'
import { behaviours } from './behaviours.js'
import { askServer, type Bench, KiB, MiB, openBench, PART, uploadWithClient } from './bench.js'
import { doctor } from './doctor.js'
import { objects } from './objects.js'
import { rights } from './rights.js'
import { chosenServers, SERVERS, type Server, type ServerName, startServer } from './servers/index.js'

const STATES_OF_LOSERS = [409, 410, 423, 503]

/** Registers the tests of one server, if it is among those chosen. */
export async function providerSuite(name: ServerName): Promise<void> {
  if (!chosenServers().includes(name)) {
    test(`${name} is not among HOLDFAST_PROVIDERS`, { skip: true })
    return
  }
  const server = await startServer(name)
  const { found, notes } = await askServer(server)
  const { title, version, capabilities, isLate, exceptions = [] }: Server = SERVERS[name]
  // As the doctor recommends it: conditions that are not one step with their write are worth nothing.
  const bench = openBench(server, { ...found, ...(isLate ? { conditionalWrites: 'none' } : {}) })
  describe(`${title} ${version}`, () => {
    test(`the probe at start finds out what the server does: ${JSON.stringify(capabilities)}`, () => {
      assert.deepEqual(found, { missingKey: 'absent', ...capabilities }, notes.join('; '))
    })
    storeContract('S3Store', {
      open: bench.openStore,
      interestingSizes: [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1],
      leftovers: bench.leftovers,
      exceptions,
    })
    uploads(bench)
    whatGoesWrong(bench, SERVERS[name])
    objects(server, bench)
    behaviours(server)
    doctor(server, bench)
    rights(server)
    after(async () => {
      bench.close()
      await server.stop()
    })
  })
}

function uploads(bench: Bench): void {
  describe('uploads over HTTP', () => {
    let node: Awaited<ReturnType<Bench['startNode']>>
    before(async () => {
      node = await bench.startNode()
    })
    after(() => node?.close())

    const mustBeThere = async (url: string, content: Buffer): Promise<void> => {
      const id = idOf(url)
      assert.equal(await bench.sha256Of(id), sha256(content), 'the object is the file')
      assert.deepEqual((await bench.leftovers(id)).sort(), [id, `${id}.info`], 'object and record, nothing else')
    }

    for (const [size, label] of [
      [0, 'an empty file'],
      [64 * KiB, '64 KiB'],
      [PART, 'one part'],
      [3 * PART + 17, 'several parts'],
    ] as const) {
      test(`${label}: the object is the file, and beside it stands the record alone`, async () => {
        const file = someBytes(size)
        await mustBeThere(await uploadWithClient(file, { endpoint: node.url }), file)
      })
    }

    test('20 MiB, interrupted in the middle of a part: the object is the file', async () => {
      const file = someBytes(20 * MiB)
      await mustBeThere(await uploadWithClient(file, { endpoint: node.url }, 8 * MiB), file)
    })

    test('a stream of unknown length, in chunks that are no parts: the object is the stream', async () => {
      const file = someBytes(13 * MiB)
      const stream = Readable.from([file.subarray(0, MiB), file.subarray(MiB)], { objectMode: false })
      const options = { endpoint: node.url, uploadLengthDeferred: true, chunkSize: 4 * MiB }
      await mustBeThere(await uploadWithClient(stream, options), file)
    })
  })
}

function whatGoesWrong(bench: Bench, { exceptions = [], takesPartsAfterAbort }: Server): void {
  describe('what goes wrong', () => {
    let nodes: Awaited<ReturnType<Bench['startNode']>>[]
    before(async () => {
      nodes = [await bench.startNode(), await bench.startNode()]
    })
    after(async () => {
      for (const node of nodes ?? []) await node.close()
    })

    /** Creates an upload on the first node and appends these bytes. @returns its URL there, and its ID */
    const begin = async (length: number, bytes: Buffer) => {
      const created = await post(nodes[0]!, { 'Upload-Length': String(length) })
      assert.equal(created.status, 201)
      const url = created.headers.get('Location')!
      const appended = await patch(url, 0, bytes)
      assert.equal(appended.status, 204)
      return { url, id: idOf(url), offset: offsetOf(appended) }
    }
    const onOther = (id: string): string => `${nodes[1]!.url}${id}`

    test('an upload goes on at another node, where the first one left off', async () => {
      const file = someBytes(2 * PART + 100)
      const { id, offset } = await begin(file.length, file.subarray(0, PART + 1000))
      assert.equal(offset, PART + 1000)
      assert.equal(offsetOf(await head(onOther(id))), offset)
      assert.equal((await patch(onOther(id), offset, file.subarray(offset))).status, 204)
      assert.equal(await bench.sha256Of(id), sha256(file))
    })

    test('a termination leaves nothing, whether of parts, of a tail or of a finished object', async () => {
      const file = someBytes(PART + 1000)
      for (const sent of [1000, PART, PART + 999, PART + 1000]) {
        const { url, id } = await begin(file.length, file.subarray(0, sent))
        const answer = await fetch(url, { method: 'DELETE', headers: TUS })
        assert.equal(answer.status, 204)
        assert.deepEqual(await bench.leftovers(id), [], `after ${sent} bytes`)
        assert.ok([404, 410].includes((await head(onOther(id))).status))
      }
    })

    test('a multipart upload aborted behind our back is 410 with the reason, on every node, and no object', async () => {
      const file = someBytes(2 * PART)
      const { url, id, offset } = await begin(file.length, file.subarray(0, PART + 1000))
      await bench.abort(id)
      assert.deepEqual(await bench.multiparts(id), [])
      const answer = await patch(onOther(id), offset, file.subarray(offset))
      // What does not fail at once is found out when the parts are named, and is told as what it then looks like.
      assert.equal(answer.status, takesPartsAfterAbort ? 500 : 410)
      assert.match(await answer.text(), takesPartsAfterAbort ? /contradicts/ : /dropped/)
      for (const at of [url, onOther(id)]) assert.equal((await head(at)).status, 410)
      assert.deepEqual(await bench.keys(id), await bench.keys(`${id}.`), 'no object')
    })

    const RACE = 'of two nodes that append other bytes at once one wins, the other is told, and nothing is mixed'
    const todo = exceptions.find(({ rule }) => rule.test(RACE))?.why
    test(RACE, todo ? { todo } : {}, async () => {
      for (const size of [1000, PART + 1000, 3 * PART]) await race(size)
    })

    const race = async (size: number): Promise<void> => {
      const files = [someBytes(size), someBytes(size)]
      const { id } = await begin(size, Buffer.alloc(0))
      const answers = await Promise.all(files.map((file, at) => patch(`${nodes[at]!.url}${id}`, 0, file)))
      const winners = files.filter((_, at) => answers[at]!.status === 204)
      assert.ok(winners.length <= 1, `${size} bytes: both were told that theirs are stored`)
      for (const { status } of answers.filter(({ status }) => status !== 204)) {
        assert.ok(STATES_OF_LOSERS.includes(status) || status === 500, `the loser is told ${status}`)
      }
      const after = await head(onOther(id))
      const isWhole = after.status === 200 && offsetOf(after) === size
      assert.ok(isWhole || winners.length === 0, 'who was told 204 finds the upload finished')
      if (!isWhole) return
      const stored = await bench.sha256Of(id)
      const allowed = winners.length === 1 ? winners : files
      assert.ok(allowed.map(sha256).includes(stored), `${size} bytes: the object is the file of one of them`)
    }
  })
}
