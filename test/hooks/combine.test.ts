import assert from 'node:assert/strict'
import { test } from 'node:test'
import { combineHooks } from '../../src/hooks/combine.js'
import type { Hooks } from '../../src/upload/hooks.js'
import { context, createEvent, deliveredEvent, finishEvent, REQUEST, uploadEvent } from '../support/hook-events.js'

const refuse = (status: number) => (): never => {
  throw Object.assign(new Error('no'), { status })
}

test('what nobody has is absent', () => {
  assert.deepEqual(combineHooks(), {})
  assert.deepEqual(Object.keys(combineHooks({ onCreated() {} }, { onFinish() {} })), ['onFinish', 'onCreated'])
})

test('all grants count, and of each field the last that was given', async () => {
  const combined = combineHooks(
    { authorize: () => ({ owner: 'a', limits: { maxSize: 1, maxRate: 2 } }) },
    {},
    { authorize: () => undefined },
    { authorize: () => ({ owner: undefined, anyOwner: true, limits: { maxSize: 3 } }) },
  )
  const grant = await combined.authorize!({ request: REQUEST, verb: 'create', upload: undefined }, context())
  assert.deepEqual(grant, { owner: 'a', anyOwner: true, limits: { maxSize: 3, maxRate: 2 } })
})

test('who refuses first refuses, and the rest are not asked', async () => {
  let asked = 0
  const count = (): void => void asked++
  for (const name of ['authorize', 'onCreate', 'onFinish', 'onProgress', 'onTerminate'] as const) {
    const hook = combineHooks({ [name]: refuse(403) }, { [name]: count })[name] as Required<Hooks>['onProgress']
    await assert.rejects(async () => hook(uploadEvent(), context()), { status: 403 }, name)
  }
  assert.equal(asked, 0)
})

test('a creation is seen as those before changed it, and decided by all', async () => {
  const seen: unknown[] = []
  const combined = combineHooks(
    { onCreate: () => ({ id: 'b', metadata: { a: '1' }, answer: { status: 201, headers: { A: '1', B: '1' } } }) },
    {
      onCreate({ upload }) {
        seen.push(upload.id, upload.metadata, upload.key)
        return { key: `k/${upload.id}`, answer: { headers: { B: '2' }, body: 'b' } }
      },
    },
    { onCreate: ({ upload }) => void seen.push(upload.key) },
  )
  assert.deepEqual(await combined.onCreate!(createEvent(), context()), {
    id: 'b',
    metadata: { a: '1' },
    key: 'k/b',
    answer: { status: 201, headers: { A: '1', B: '2' }, body: 'b' },
  })
  assert.deepEqual(seen, ['b', { a: '1' }, undefined, 'k/b'])
})

test('answers to an end are merged', async () => {
  const combined = combineHooks(
    { onFinish: () => ({ status: 200, body: 'a' }) },
    { onFinish: () => undefined },
    { onFinish: async () => ({ body: 'b', headers: { X: 'y' } }) },
  )
  assert.deepEqual(await combined.onFinish!(finishEvent(), context()), { status: 200, body: 'b', headers: { X: 'y' } })
})

test('all are told what happened, also if one of them fails, and that is then told', async () => {
  const told: string[] = []
  const combined = combineHooks(
    { onFinished: () => Promise.reject(new Error('away')) },
    { onFinished: ({ deliveryId }) => void told.push(deliveryId) },
    { onFinished: refuse(400) },
  )
  await assert.rejects(async () => combined.onFinished!(deliveredEvent(), context()), /away.*no/)
  assert.deepEqual(told, ['delivery-1'])
  await combineHooks({ onCreated() {} }, { onTerminated() {} }).onCreated!(deliveredEvent(), context())
})
