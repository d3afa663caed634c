import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  head,
  idOf,
  type Node,
  type OpenBucket,
  offsetOf,
  openBucket,
  patch,
  post,
  someBytes,
  startNode,
  TUS,
} from '../support/stack.js'

describe('two nodes, one of which remembers what the other has changed', () => {
  let bucket: OpenBucket
  let first: Node
  let second: Node
  before(async () => {
    bucket = await openBucket()
    first = await startNode(bucket)
    second = await startNode(bucket)
  })
  after(async () => {
    await first.close()
    await second.close()
    await bucket.close()
  })
  const create = async (): Promise<{ url: string; elsewhere: string }> => {
    const url = (await post(first, { 'Upload-Length': '1000' })).headers.get('Location')!
    return { url, elsewhere: `${second.url}${idOf(url)}` }
  }

  test('a PATCH without bytes does not find an upload that was terminated elsewhere', async () => {
    const { url, elsewhere } = await create()
    assert.equal((await fetch(elsewhere, { method: 'DELETE', headers: TUS })).status, 204)
    assert.equal((await patch(url, 0, new Uint8Array())).status, 404)
  })

  test('a PATCH without bytes does not tell an offset that was left behind elsewhere', async () => {
    const { url, elsewhere } = await create()
    assert.equal((await patch(elsewhere, 0, someBytes(600))).status, 204)
    const answer = await patch(url, 0, new Uint8Array())
    assert.deepEqual([answer.status, offsetOf(answer)], [409, 600])
    assert.equal(offsetOf(await head(url)), 600)
  })
})
