/** The adapter for Request and Response under hostile heads and bodies: each is answered, and none by a failure of the server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc, { type Arbitrary } from 'fast-check'
import { fetchHandler } from '../../src/http/fetch.js'
import { BACKENDS, openFront } from './front.js'
import { head } from './heads.js'
import { parameters } from './seed.js'

/** Milliseconds in which every request must be answered, on a busy machine. */
const PATIENCE = 10_000

/** Bodies that end, break, stand still, or are left alone. */
type Part = number | 'break' | 'stall'
const parts: Arbitrary<Part[]> = fc.array(
  fc.oneof(
    { arbitrary: fc.nat({ max: 20 }), weight: 6 },
    { arbitrary: fc.constantFrom<Part[]>(100_000, 'break', 'stall'), weight: 1 },
  ),
  { maxLength: 4 },
)

function bodyOf(all: readonly Part[]): ReadableStream<Uint8Array> {
  const left = [...all]
  return new ReadableStream({
    async pull(controller) {
      const part = left.shift()
      if (part === undefined) controller.close()
      else if (part === 'break') controller.error(new Error('the client is gone'))
      else if (part === 'stall') await sleep(600)
      else controller.enqueue(new Uint8Array(part || 1))
    },
  })
}

function requestOf(
  { method, target, fields }: typeof head extends Arbitrary<infer H> ? H : never,
  body: Part[],
  id: string,
) {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields)) {
    try {
      headers.append(name, value ?? '')
    } catch {
      // Whoever makes the Request refuses it already.
    }
  }
  const url = `http://h${target.startsWith('/') ? target.replace('/files/a', `/files/${id}`) : `/files/${target}`}`
  const takesBody = !['GET', 'HEAD'].includes(method.toUpperCase()) && body.length > 0
  try {
    return new Request(url, { method, headers, ...(takesBody ? { body: bodyOf(body), duplex: 'half' as const } : {}) })
  } catch {
    return undefined
  }
}

for (const name of Object.keys(BACKENDS) as (keyof typeof BACKENDS)[]) {
  test(`${name}: each Request is answered, and reaches nothing but its own`, async (context) => {
    const front = await openFront(name)
    context.after(front.close)
    const handle = fetchHandler(front.holdfast)
    let own = 'none'
    const create = async (): Promise<void> => {
      const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '10' }
      const created = await handle(new Request('http://h/files', { method: 'POST', headers }))
      own = created.headers.get('location')!.split('/').at(-1)!
    }
    let answered = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(head, parts), { minLength: 8, maxLength: 16 }), async (batch) => {
        await create()
        await Promise.all(
          batch.map(async ([asked, body]) => {
            const request = requestOf(asked, body, own)
            if (!request) return
            const late = sleep(PATIENCE, 'late' as const, { ref: false })
            const answer = await Promise.race([handle(request), late])
            assert.ok(answer !== 'late', 'the request hangs')
            const text = await Promise.race([answer.text(), late])
            const isFailure = answer.status >= 500 && !text.includes('ERR_READ_TIMEOUT')
            assert.ok(!isFailure, `${answer.status} ${text} ${front.errors.at(-1)}`)
            front.mustNotTell(`${JSON.stringify([...answer.headers])}${text}`)
            answered++
          }),
        )
      }),
      parameters(60),
    )
    await front.mustBeUntouched()
    context.diagnostic(`${name}: ${answered} requests`)
  })
}
