import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf } from '../../src/testing/index.js'
import { paced } from '../../src/upload/paced.js'

const chunks = Array.from({ length: 10 }, () => new Uint8Array(1_000))

async function read(body: AsyncIterable<Uint8Array>): Promise<{ bytes: number; time: number }> {
  const started = performance.now()
  let bytes = 0
  for await (const chunk of body) bytes += chunk.byteLength
  return { bytes, time: performance.now() - started }
}

test('a body is given whole, and no faster than its rate', async () => {
  const { bytes, time } = await read(paced(bodyOf(chunks), 10_000))
  assert.equal(bytes, 10_000)
  // A second, but for what may come ahead of its time.
  assert.ok(time > 600, `${time} ms`)
})

test('without a rate, it is the body itself', () => {
  const body = bodyOf(chunks)
  assert.equal(paced(body, undefined), body)
})

test('who is stopped does not wait for the rate', async () => {
  const body = paced(bodyOf(chunks), 100)
  setTimeout(() => body.stop(), 50)
  const { time } = await read(body)
  assert.ok(time < 5_000, `${time} ms, where its rate would take 100 s`)
  assert.equal(body.ended, 'stopped')
})
