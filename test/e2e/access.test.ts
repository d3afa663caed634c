import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { signToken } from '../../src/index.js'
import type { Hooks } from '../../src/upload/hooks.js'
import { type Ground, KINDS, KiB, openGround } from '../support/clocked.js'
import { head, idOf, offsetOf, PATCH_TYPE, patch, post, someBytes, TUS } from '../support/stack.js'

const SECRET = 'a-secret-of-at-least-32-characters'

/** The user is who the header says. */
const byHeader: Hooks = {
  authorize({ request }) {
    const user = request.headers['x-user']
    if (user === undefined) throw Object.assign(new Error('Log in first.'), { status: 401 })
    return user === 'admin' ? { anyOwner: true } : { owner: user }
  },
}

const as = (user: string): Record<string, string> => ({ ...TUS, 'X-User': user })
const base64 = (text: string): string => Buffer.from(text).toString('base64')

for (const kind of KINDS) {
  const on = (rule: string, run: (ground: Ground, context: TestContext) => Promise<void>): void => {
    test(`${kind}: ${rule}`, { timeout: 60_000 }, async (context) => run(await openGround(context, kind), context))
  }

  on('authorize is asked before each request, sees the record, and what it refuses has no effect', async (ground) => {
    const seen: string[] = []
    const hooks: Hooks = {
      authorize({ verb, upload, request }) {
        seen.push(`${verb} ${upload?.offset}`)
        if (request.headers['x-user'] !== 'a') throw Object.assign(new Error('Who are you?'), { status: 401 })
      },
    }
    const node = await ground.node({ hooks })
    const denied = await post(node, { 'Upload-Length': '9' })
    assert.deepEqual([denied.status, await denied.text()], [401, 'ERR_ACCESS_DENIED: Who are you?\n'])
    const url = (await post(node, { 'Upload-Length': '9', 'X-User': 'a' })).headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(4), { 'X-User': 'a' })).status, 204)
    for (const method of ['HEAD', 'GET', 'DELETE'])
      assert.equal((await fetch(url, { method, headers: TUS })).status, 401)
    assert.equal((await patch(url, 4, someBytes(4))).status, 401)
    assert.equal((await fetch(node.url, { method: 'OPTIONS' })).status, 204, 'OPTIONS is for all')
    assert.equal(
      (await fetch(`${url}x`, { method: 'HEAD', headers: TUS })).status,
      401,
      'nor is it told what is not there',
    )
    assert.equal(offsetOf(await fetch(url, { method: 'HEAD', headers: as('a') })), 4)
    const verbs = ['create undefined', 'create undefined', 'append 0', 'offset 4', 'read 4', 'cancel 4', 'append 4']
    assert.deepEqual(seen, [...verbs, 'offset undefined', 'offset 4'])
  })

  on('an upload of an owner is 404 for every verb of another, and there for an administrator', async (ground) => {
    const node = await ground.node({ hooks: byHeader })
    const url = (await post(node, { 'Upload-Length': '9', 'X-User': 'alice' })).headers.get('Location')!
    const fresh = await ground.node({ hooks: byHeader })
    for (const there of [url, `${fresh.url}${idOf(url)}`]) {
      for (const method of ['HEAD', 'GET', 'DELETE']) {
        assert.equal((await fetch(there, { method, headers: as('bob') })).status, 404, method)
      }
      assert.equal((await patch(there, 0, someBytes(9), { 'X-User': 'bob' })).status, 404)
      assert.equal((await fetch(there, { method: 'HEAD', headers: as('alice') })).status, 200)
      assert.equal((await fetch(there, { method: 'HEAD', headers: as('admin') })).status, 200)
    }
    assert.equal((await patch(url, 0, someBytes(9), { 'X-User': 'alice' })).status, 204)
    assert.equal((await fetch(url, { headers: as('bob') })).status, 404)
    assert.equal((await fetch(url, { headers: as('alice') })).status, 200)
  })

  on('partial uploads of another owner cannot be joined', async (ground) => {
    const node = await ground.node({ hooks: byHeader })
    const create = (user: string, concat: string, fields: Record<string, string> = {}): Promise<Response> =>
      post(node, { 'Upload-Concat': concat, 'X-User': user, ...fields })
    const part = (await create('alice', 'partial', { 'Upload-Length': '4' })).headers.get('Location')!
    await patch(part, 0, someBytes(4), { 'X-User': 'alice' })
    const stolen = await create('bob', `final;${part}`)
    assert.deepEqual([stolen.status, /does not exist/.test(await stolen.text())], [400, true])
    assert.equal((await create('alice', `final;${part}`)).status, 201)
  })

  on('a token creates one upload URL that needs nothing else, within what it says', async (ground) => {
    const node = await ground.node({ signedUrls: { secret: SECRET, expiresIn: 60_000 } })
    const claims = { expiresIn: 60_000, owner: 'alice', limits: { maxSize: 100 }, metadata: { album: '17' } }
    const creating = { url: `${node.url}?token=${signToken(SECRET, claims, ground.now())}` }
    assert.equal((await post(node, { 'Upload-Length': '9' })).status, 403)
    assert.equal((await post(creating, { 'Upload-Length': '101' })).status, 413)
    const fields = { 'Upload-Length': '9', 'Upload-Metadata': `album ${base64('99')},filename ${base64('f')}` }
    const created = await post(creating, fields)
    assert.equal(created.status, 201)
    const url = created.headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(9))).status, 204)
    const told = await head(url)
    assert.equal(told.status, 200)
    assert.match(told.headers.get('Upload-Metadata')!, new RegExp(`album ${base64('17')}`))
    assert.equal((await head(url.split('?')[0]!)).status, 403)
    assert.equal((await head(`${url}x`)).status, 403)
    const other = (await post(creating, { 'Upload-Length': '9' })).headers.get('Location')!
    assert.equal((await head(other.replace(/token=.*/, url.split('?')[1]!))).status, 403, 'a token is for one upload')
    assert.equal((await post({ url: `${node.url}?${url.split('?')[1]}` }, { 'Upload-Length': '9' })).status, 403)
    ground.pass(61_000)
    assert.equal((await head(url)).status, 403)
    assert.equal((await post(creating, { 'Upload-Length': '9' })).status, 403)
  })

  on('a token beside authorize: who has one is not asked about, and the upload is the owner’s', async (ground) => {
    const node = await ground.node({ hooks: byHeader, signedUrls: { secret: [SECRET, `${SECRET} of before`] } })
    const token = signToken(`${SECRET} of before`, { expiresIn: 60_000, owner: 'alice' }, ground.now())
    const url = (await post({ url: `${node.url}?token=${token}` }, { 'Upload-Length': '9' })).headers.get('Location')!
    const bare = url.split('?')[0]!
    assert.equal((await fetch(bare, { method: 'HEAD', headers: as('bob') })).status, 404)
    assert.equal((await fetch(bare, { method: 'HEAD', headers: as('alice') })).status, 200)
    await patch(url, 0, someBytes(9))
    const reading = signToken(SECRET, { expiresIn: 60_000, id: idOf(bare), verbs: ['read'] }, ground.now())
    assert.equal((await fetch(`${bare}?token=${reading}`)).status, 200)
    assert.equal((await fetch(`${bare}?token=${reading}`, { method: 'DELETE', headers: TUS })).status, 403)
    const forged = signToken('b-secret-of-at-least-32-characters', { expiresIn: 60_000, id: idOf(bare) }, ground.now())
    assert.equal((await fetch(`${bare}?token=${forged}`)).status, 403)
  })

  on('types are refused by what the metadata claims, and maxSize also where the length is deferred', async (ground) => {
    const node = await ground.node({ limits: { types: ['image/*', 'text/plain'], maxSize: 2 * KiB } })
    const create = (type: string, fields: Record<string, string> = { 'Upload-Length': '5' }): Promise<Response> =>
      post(node, { ...fields, 'Upload-Metadata': `filetype ${base64(type)}` })
    assert.equal((await create('image/png')).status, 201)
    assert.equal((await create('Text/Plain; charset=utf-8')).status, 201)
    for (const type of ['application/pdf', 'imagex/png', 'text/plainly'])
      assert.equal((await create(type)).status, 415, type)
    assert.equal((await post(node, { 'Upload-Length': '5' })).status, 415)
    assert.equal((await create('image/png', { 'Upload-Length': '2049' })).status, 413)
    const url = (await create('image/png', { 'Upload-Defer-Length': '1' })).headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(2_000))).status, 204)
    const fresh = await ground.node()
    const there = `${fresh.url}${idOf(url)}`
    assert.equal((await patch(there, 2_000, someBytes(49))).status, 413, 'the bound is kept with the upload')
    assert.equal((await patch(there, 2_000, someBytes(48), { 'Upload-Length': '2048' })).status, 204)
  })

  on('onCreate can lower the bound of one upload', async (ground) => {
    const node = await ground.node({ hooks: { onCreate: () => ({ limits: { maxSize: 10 } }) } })
    assert.equal((await post(node, { 'Upload-Length': '11' })).status, 413)
    const url = (await post(node, { 'Upload-Defer-Length': '1' })).headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(11))).status, 413)
  })

  on('one owner writes no more uploads at once than maxActive; others are not touched', async (ground) => {
    const hooks: Hooks = {
      authorize: ({ request }) => ({ owner: request.headers['x-user'], limits: { maxActive: 1 } }),
    }
    const node = await ground.node({ hooks })
    const create = async (user: string) =>
      (await post(node, { 'Upload-Length': '10', 'X-User': user })).headers.get('Location')!
    const [first, second, others] = [await create('a'), await create('a'), await create('b')]
    let release = (): void => undefined
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(someBytes(5))
        release = () => {
          controller.enqueue(someBytes(5))
          controller.close()
        }
      },
    })
    const headers = { ...PATCH_TYPE, 'Upload-Offset': '0', 'X-User': 'a' }
    const slow = fetch(first, { method: 'PATCH', headers, body, duplex: 'half' } as RequestInit)
    for (let tries = 0; tries < 100 && node.holdfast.active === 0; tries++) await sleep(10)
    const refused = await patch(second, 0, someBytes(10), { 'X-User': 'a' })
    assert.deepEqual([refused.status, refused.headers.get('Retry-After')], [429, '2'])
    assert.equal((await patch(others, 0, someBytes(10), { 'X-User': 'b' })).status, 204)
    release()
    assert.equal((await slow).status, 204)
    assert.equal((await patch(second, 0, someBytes(10), { 'X-User': 'a' })).status, 204)
  })

  on('allowedMetadata drops the other keys', async (ground) => {
    const node = await ground.node({ allowedMetadata: ['filename'] })
    const field = `filename ${base64('a')},secret ${base64('b')}`
    const url = (await post(node, { 'Upload-Length': '1', 'Upload-Metadata': field })).headers.get('Location')!
    assert.equal((await head(url)).headers.get('Upload-Metadata'), `filename ${base64('a')}`)
  })

  on('storeFor sends the uploads of each tenant to a store of its own', async (ground, context) => {
    const other = await openGround(context, kind)
    const tenant = other.store()
    const node = await ground.node({
      storeFor: ({ headers }) => {
        if (headers['x-tenant'] === 'unknown') throw Object.assign(new Error('No such tenant.'), { status: 404 })
        return headers['x-tenant'] === 'red' ? tenant : undefined
      },
    })
    const red = { 'X-Tenant': 'red' }
    const url = (await post(node, { 'Upload-Length': '4', ...red })).headers.get('Location')!
    assert.equal((await patch(url, 0, someBytes(4), red)).status, 204)
    assert.equal((await head(url)).status, 404)
    assert.equal((await fetch(url, { method: 'HEAD', headers: { ...TUS, ...red } })).status, 200)
    assert.equal((await ground.stored(idOf(url))).length, 0)
    assert.notEqual((await other.stored(idOf(url))).length, 0)
    assert.equal((await post(node, { 'Upload-Length': '4', 'X-Tenant': 'unknown' })).status, 404)
    assert.equal((await node.holdfast.sweep()).listed, 1, 'a sweep goes over all stores')
  })
}
