/**
 * Tags of objects, apart from the objects.
 * @module
 */
import { readText } from './body.js'
import { type Answer, type Call, type Context, readRoot, xmlAnswer } from './call.js'
import { readTags, renderTags } from './description.js'
import { findObject } from './objects.js'
import type { Store } from './store.js'

export async function getObjectTagging({ store }: Context, { bucket, key }: Call): Promise<Answer> {
  return xmlAnswer('Tagging', [renderTags(findObject(store, bucket, key).tags)])
}

export async function putObjectTagging({ store }: Context, call: Call): Promise<Answer> {
  findObject(store, call.bucket, call.key)
  const tags = readTags(readRoot(await readText(call), 'Tagging'))
  await setTags(store, call, tags)
  return { status: 200 }
}

export async function deleteObjectTagging({ store }: Context, call: Call): Promise<Answer> {
  await setTags(store, call, {})
  return { status: 204 }
}

const setTags = (store: Store, { bucket, key }: Call, tags: Record<string, string>) =>
  store.withKey(bucket, key, () => store.putObject(bucket, { ...findObject(store, bucket, key), tags }))
