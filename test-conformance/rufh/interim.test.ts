/** Resumable Uploads for HTTP: interim responses (104), over sockets. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256, someBytes } from '../../test/support/bucket.js'
import { onEachGround, onEachVersion } from '../support/grounds.js'
import type { RawClient, RawResponse } from '../support/raw.js'
import {
  appending,
  completing,
  type Fields,
  NEWEST,
  offsetOf,
  rufhClient,
  speaking,
  VERSIONS,
} from '../support/rufh.js'
import { MiB, patiently } from '../support/tus.js'

/** The field that says how long the body is. */
const lengthOf = (length: number): Fields => ({ 'Content-Length': String(length) })

onEachGround('RUFH: interim responses', { maxSize: 64 * MiB }, ({ send, server }, rule) => {
  const silent = server({ interimResponses: 'off' })
  const unversioned = server({ rufh: { unversioned: true } })
  const limits = 'max-size=67108864'

  const creating = (version: number, isLast: boolean): Fields => ({
    ...speaking(version),
    ...completing(version, isLast),
  })
  /** The 104 that tells of the upload. */
  const announced = async (client: RawClient): Promise<RawResponse> => {
    const found = await client.response()
    assert.equal(found.status, 104)
    assert.ok(found.fields.location)
    return found
  }

  onEachVersion(VERSIONS, (version) => {
    const { head, append, content, completeness } = rufhClient(send, version)

    rule.raw(
      '[rufh-create-104 rufh-create-104-location rufh-create-104-limit rufh-104-echo rufh-old-104-first] 104 tells where the upload is before any bytes were sent (raw socket)',
      async (connect) => {
        const client = connect()
        client.begin('POST', '/files', { ...creating(version, true), ...lengthOf(10) })
        const { fields } = await announced(client)
        assert.equal(fields['upload-limit'], limits)
        assert.equal(fields['upload-draft-interop-version'], String(version))
        assert.equal(completeness(await head(fields.location!)), false)
      },
    )

    rule.raw(
      '[rufh-location-same rufh-104-echo] the Location of 104 is that of the final answer (raw socket)',
      async (connect) => {
        for (const isLast of [true, false]) {
          const client = connect()
          client.begin('POST', '/files', { ...creating(version, isLast), ...lengthOf(5) })
          const { fields } = await announced(client)
          client.write('01234')
          const final = await client.final()
          assert.equal(final.status, 201)
          assert.equal(final.fields.location, fields.location)
          for (const { fields } of final.interim) {
            assert.equal(fields['upload-draft-interop-version'], String(version))
          }
        }
      },
    )

    rule.raw(
      '[rufh-create-keeps rufh-create-cut] of a creation that is cut off its bytes stay, and it is incomplete, though it said that these are all (raw socket)',
      async (connect) => {
        for (const isChunked of [false, true])
          await patiently(async (wait) => {
            const client = connect()
            const sized = isChunked ? { 'Transfer-Encoding': 'chunked' } : lengthOf(10)
            client.begin('POST', '/files', { ...creating(version, true), ...sized })
            const url = (await announced(client)).fields.location!
            if (isChunked) client.chunk(Buffer.from('01234'))
            else client.write('01234')
            await sleep(wait)
            client.close()
            const told = await head(url)
            assert.equal(completeness(told), false)
            const at = Number(offsetOf(told))
            assert.equal(completeness(await append(url, at, true, '0123456789'.slice(at))), true)
            assert.equal((await content(url)).toString(), '0123456789')
            return at === 5
          })
      },
    )

    rule.raw(
      '[rufh-create-104] a connection that had 104 takes the next request, and the one after it (raw socket)',
      async (connect) => {
        const client = connect()
        for (const text of ['01234', '567']) {
          client.begin('POST', '/files', { ...creating(version, true), ...lengthOf(text.length) })
          const url = (await announced(client)).fields.location!
          client.write(text)
          assert.equal((await client.final()).status, 201)
          client.begin('GET', url)
          assert.equal((await client.final()).text, text)
        }
      },
    )

    rule.raw('[rufh-100-omitted] a client that waits for 100 gets it beside 104 (raw socket)', async (connect) => {
      const client = connect()
      client.begin('POST', '/files', { ...creating(version, true), ...lengthOf(5), Expect: '100-continue' })
      const statuses = [(await client.response()).status, (await client.response()).status]
      assert.deepEqual(statuses.sort(), [100, 104])
      client.write('01234')
      assert.equal((await client.final()).status, 201)
    })
  })

  // They mostly wait.
  describe('at the same time', { concurrency: true }, () => {
    onEachVersion([5, 6, 7, 8, 9], (version) => {
      const { create, content } = rufhClient(send, version)
      const bytes = someBytes(11 * MiB)

      /** Sends slowly, so that there is something to tell. */
      const sent = async (client: RawClient): Promise<Awaited<ReturnType<RawClient['final']>>> => {
        client.write(bytes.subarray(0, 10 * MiB))
        await sleep(1_500)
        client.write(bytes.subarray(10 * MiB))
        return client.final()
      }
      const progressOf = (interim: readonly RawResponse[]): number[] => {
        for (const { status, fields } of interim) {
          assert.equal(status, 104)
          assert.equal(fields['upload-draft-interop-version'], String(version))
          assert.equal(fields.location, undefined)
        }
        return interim.map(({ fields }) => Number(fields['upload-offset']))
      }
      const isRising = (offsets: readonly number[]): boolean =>
        offsets.every((offset, index) => index === 0 || offset >= offsets[index - 1]!)

      rule.raw(
        '[rufh-append-104 rufh-append-104-location rufh-old-104-later rufh-offset-decreases] while an append is slow, 104 tells rising offsets, and no Location (raw socket)',
        async (connect) => {
          const url = await create()
          const client = connect()
          client.begin('PATCH', url, { ...appending(version, 0, true), ...lengthOf(bytes.length) })
          const final = await sent(client)
          assert.ok(final.status < 300)
          const told = progressOf(final.interim)
          assert.ok(told.length > 0, 'progress is told')
          assert.ok(isRising([...told, bytes.length]), told.join())
          assert.equal(sha256(await content(url)), sha256(bytes))
        },
      )

      rule.raw(
        '[rufh-create-progress rufh-old-104-later] so it does while a creation is slow (raw socket)',
        async (connect) => {
          const client = connect()
          client.begin('POST', '/files', { ...creating(version, true), ...lengthOf(bytes.length) })
          await announced(client)
          const final = await sent(client)
          const told = progressOf(final.interim)
          assert.ok(told.length > 0, 'progress is told')
          assert.ok(isRising([...told, bytes.length]), told.join())
        },
      )
    })
  })

  rule.raw(
    '[rufh-104-interop rufh-interop-sent] without a version, or with one that is not spoken, there is no 104, and the answer is as ever (raw socket)',
    async (connect) => {
      for (const fields of [{}, speaking(2), speaking(10), { 'Upload-Draft-Interop-Version': 'x' }]) {
        const client = connect()
        client.begin('POST', '/files', { ...fields, ...completing(NEWEST, true), ...lengthOf(5) })
        await sleep(50)
        client.write('01234')
        const final = await client.final()
        assert.deepEqual(final.interim, [])
        assert.equal(final.status, 201)
        assert.equal(final.fields['upload-complete'], '?1')
      }
    },
  )

  rule.raw(
    '[rufh-create-104] 104 can be switched off, and on for clients of the standard to come (raw socket)',
    async () => {
      const mute = silent.raw()
      mute.begin('POST', '/files', { ...creating(NEWEST, true), ...lengthOf(5) })
      mute.write('01234')
      assert.deepEqual((await mute.final()).interim, [])
      mute.close()
      const future = unversioned.raw()
      future.begin('POST', '/files', { ...completing(NEWEST, true), ...lengthOf(5) })
      const { fields } = await announced(future)
      assert.equal(fields['upload-draft-interop-version'], undefined)
      future.close()
    },
  )
})
