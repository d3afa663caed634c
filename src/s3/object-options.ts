/**
 * What is stored with an object: the store's defaults and what was said of the upload, put together when it is created
 * and kept with its record, so that any node makes the same object. Pure.
 * @module
 */
import { UploadError } from '../errors.js'
import type { NewUpload, ObjectOptions } from '../store/info.js'
import { checkMetadata } from './object-head.js'
import type { S3StoreOptions } from './options.js'
import type { Capabilities } from './provider/capabilities.js'

/** S3's bounds of tags. */
const MAX_TAGS = 10
const MAX_TAG_KEY = 128
const MAX_TAG_VALUE = 256

/**
 * @returns undefined if nothing was said
 * @throws UploadError ERR_INVALID_OPTIONS · ERR_METADATA_TOO_LARGE
 */
export function chooseObject(
  upload: Readonly<NewUpload>,
  { object, objectMetadata }: Pick<S3StoreOptions, 'object' | 'objectMetadata'>,
  provider: Pick<Capabilities, 'tags'>,
): ObjectOptions | undefined {
  // What it is joined to is what counts: it has all this, and must be able to copy the parts.
  const isPartial = upload.concat?.kind === 'partial'
  const defaults = isPartial ? undefined : typeof object === 'function' ? object(upload) : object
  const metadata = metadataOf(upload, objectMetadata)
  const chosen = stated({
    ...defaults,
    ...(metadata && { metadata }),
    ...(isPartial ? {} : stated(upload.object ?? {})),
  })
  checkMetadata(chosen.metadata ?? upload.metadata)
  checkObject(chosen)
  mustHaveTags(chosen, provider)
  return Object.keys(chosen).length > 0 ? chosen : undefined
}

/** @throws UploadError ERR_INVALID_OPTIONS for tags where there can be none */
export function mustHaveTags({ tags = {} }: ObjectOptions, provider: Pick<Capabilities, 'tags'>): void {
  if (provider.tags || Object.keys(tags).length === 0) return
  throw new UploadError('ERR_INVALID_OPTIONS', { message: 'tags: objects of this provider cannot have tags.' })
}

function metadataOf(
  { metadata, id }: Readonly<NewUpload>,
  which: S3StoreOptions['objectMetadata'],
): Readonly<Record<string, string>> | undefined {
  if (which === undefined) return undefined
  if (typeof which === 'function') return which(metadata, id)
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => which.includes(name)))
}

const stated = (options: ObjectOptions): ObjectOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/**
 * What S3 would refuse only in the end, when all bytes are there.
 * @throws UploadError ERR_INVALID_OPTIONS
 */
export function checkObject({ tags = {}, storageClass = 'STANDARD', acl = 'private' }: ObjectOptions): void {
  const must = (holds: boolean, message: string): void => {
    if (!holds) throw new UploadError('ERR_INVALID_OPTIONS', { message })
  }
  const all = Object.entries(tags)
  must(all.length <= MAX_TAGS, `tags: an object has at most ${MAX_TAGS}, not ${all.length}.`)
  for (const [name, value] of all) {
    const fits = name.length >= 1 && name.length <= MAX_TAG_KEY && value.length <= MAX_TAG_VALUE
    must(fits, `tags: a name has 1 to ${MAX_TAG_KEY} characters and a value at most ${MAX_TAG_VALUE}.`)
    must(TAG.test(name) && TAG.test(value), 'tags: only letters, digits, blanks and + - = . _ : / @ are allowed.')
    must(!/^aws:/i.test(name), 'tags: names that begin with aws: are reserved.')
  }
  must(/^[\w-]{1,64}$/.test(storageClass), `storageClass: '${storageClass}' is none.`)
  must(/^[a-z-]{1,64}$/.test(acl), `acl: '${acl}' is no canned ACL.`)
}

const TAG = /^[\p{L}\p{N}\p{Zs}+\-=._:/@]*$/u
