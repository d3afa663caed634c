/** Clients that hold on to what they have by doing almost nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BACKENDS, openFront } from './front.js'
import { play } from './play.js'

const TUS = { 'Tus-Resumable': '1.0.0' }

for (const name of Object.keys(BACKENDS) as (keyof typeof BACKENDS)[]) {
  test(`${name}: a body of one byte now and then is ended, what came is stored, and the upload is free`, async (context) => {
    const front = await openFront(name, { idleTimeout: 500, minBodyRate: 1_000 })
    context.after(front.close)
    const url = `http://127.0.0.1:${front.port}/files`
    const created = await fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Length': '100000' } })
    const location = created.headers.get('location')!
    const head = `PATCH ${new URL(location).pathname} HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 100000\r\n\r\n`
    // It would last for twenty seconds.
    const trickle = Array.from({ length: 400 }, () => [{ send: 'x' }, { wait: 50 }]).flat()
    const started = performance.now()
    const { text, isClosed } = await play(front.port, [{ send: head }, ...trickle], 0)
    assert.ok(isClosed && performance.now() - started < 10_000)
    assert.match(text, /^HTTP\/1\.1 503 .*ERR_READ_TIMEOUT/s)
    const offset = Number(/^Upload-Offset: (\d+)/im.exec(text)?.[1])
    assert.ok(offset > 0)
    const told = await fetch(location, { method: 'HEAD', headers: TUS })
    assert.equal(told.headers.get('upload-offset'), String(offset))
    assert.equal(front.holdfast.active, 0)
  })
}
