/**
 * What the server is to store with every object, tried one by one: each may need a permission of its own, and a bucket or a
 * provider may have none of it.
 * @module
 */
import type { ObjectOptions } from '../../store/info.js'
import { objectHead } from '../object-head.js'
import { textPayload } from './payload.js'
import { told } from './permissions.js'
import type { Room } from './room.js'

const ROWS = [
  ['Tags of an object', 'tags', 's3:PutObjectTagging'],
  ['Canned ACL of an object', 'acl', 's3:PutObjectAcl'],
  ['Storage class of an object', 'storageClass', 's3:PutObject'],
] as const

/** Only what was asked for. */
export async function objects(room: Room): Promise<void> {
  const { object = {} } = room.options
  for (const [what, name, permission] of ROWS) {
    const value = object[name]
    if (value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)) continue
    await tryOne(room, what, { [name]: value }, permission)
  }
}

async function tryOne(room: Room, what: string, object: ObjectOptions, permission: string): Promise<void> {
  const key = room.key('object', 'object')
  const head = objectHead({ id: 'doctor', metadata: {}, object }, 'token')
  const asked = await room.ask(room.call('putObject', { key, body: textPayload('object'), data: false, ...head }))
  if (asked.refusal === undefined && (await isLost(room, key, object))) {
    return room.find('Permissions', what, 'failure', 'not kept', 'The provider takes it, and forgets it: do without.')
  }
  told(room, what, permission, asked)
}

/** Of tags and of the class S3 tells, if that is allowed; of an ACL only who may read that. */
async function isLost(room: Room, key: string, { tags, storageClass }: ObjectOptions): Promise<boolean> {
  if (tags !== undefined) {
    const { output } = await room.ask(room.call('getObjectTagging', { key }))
    return output !== undefined && Object.entries(tags).some(([name, value]) => output.tags[name] !== value)
  }
  if (storageClass === undefined || storageClass === 'STANDARD') return false
  const { output } = await room.ask(room.call('headObject', { key }))
  return output !== undefined && output.storageClass !== storageClass
}
