/**
 * Who may read an object, by the canned ACL that it was put with. Here it is told, and nobody is let in by it.
 * @module
 */
import { type Answer, type Call, type Context, xmlAnswer } from './call.js'
import { findObject } from './objects.js'
import { aclOf } from './settings.js'
import { element, type Xml } from './xml.js'

const ALL_USERS = 'http://acs.amazonaws.com/groups/global/AllUsers'
const AUTHENTICATED = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers'

/** What a canned ACL grants beside the owner's full control. */
const GRANTS: Record<string, readonly (readonly [uri: string, permission: string])[]> = {
  'public-read': [[ALL_USERS, 'READ']],
  'public-read-write': [
    [ALL_USERS, 'READ'],
    [ALL_USERS, 'WRITE'],
  ],
  'authenticated-read': [[AUTHENTICATED, 'READ']],
}

export async function getObjectAcl({ store }: Context, { bucket, key }: Call): Promise<Answer> {
  const { settings } = findObject(store, bucket, key)
  const owner = [element('ID', 'holdfast'), element('DisplayName', 'holdfast')]
  const granted = (GRANTS[aclOf(settings)] ?? []).map(([uri, permission]) => grant([element('URI', uri)], permission))
  return xmlAnswer('AccessControlPolicy', [
    element('Owner', owner),
    element('AccessControlList', [grant(owner, 'FULL_CONTROL'), ...granted]),
  ])
}

const grant = (grantee: Xml[], permission: string): Xml =>
  element('Grant', [element('Grantee', grantee), element('Permission', permission)])
