/**
 * What is said of an object beside its bytes, by S3's header and by the SDK's name. Pure.
 * @module
 */

/** Values are sent as they are: whoever makes one sees to it that it can stand in a header (object-head.ts). */
export interface Description {
  contentType?: string | undefined
  contentDisposition?: string | undefined
  contentEncoding?: string | undefined
  contentLanguage?: string | undefined
  cacheControl?: string | undefined
  storageClass?: string | undefined
  acl?: string | undefined
  metadata?: Readonly<Record<string, string>> | undefined
  tags?: Readonly<Record<string, string>> | undefined
}

const NAMES = [
  ['contentType', 'content-type', 'ContentType'],
  ['contentDisposition', 'content-disposition', 'ContentDisposition'],
  ['contentEncoding', 'content-encoding', 'ContentEncoding'],
  ['contentLanguage', 'content-language', 'ContentLanguage'],
  ['cacheControl', 'cache-control', 'CacheControl'],
  ['storageClass', 'x-amz-storage-class', 'StorageClass'],
  ['acl', 'x-amz-acl', 'ACL'],
] as const

/** What is called so in headers, for requests of our own. */
export function headersOf(description: Description): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, header] of NAMES) if (description[name]) headers[header] = description[name]
  const { metadata, tags } = description
  for (const key in metadata) headers[`x-amz-meta-${key.toLowerCase()}`] = metadata[key]!
  if (hasTags(tags)) headers['x-amz-tagging'] = taggingOf(tags)
  return headers
}

/** The same for the SDK. */
export function inputOf(description: Description): Record<string, unknown> {
  const { metadata, tags } = description
  const input: Record<string, unknown> = { Metadata: metadata, Tagging: hasTags(tags) ? taggingOf(tags) : undefined }
  for (const [name, , sdkName] of NAMES) input[sdkName] = description[name]
  return input
}

const hasTags = (tags: Description['tags']): tags is Readonly<Record<string, string>> =>
  tags !== undefined && Object.keys(tags).length > 0

/** As a query has it. A space is %20: some servers take `+` for itself. */
const taggingOf = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&')

/** What an object tells of itself. */
// biome-ignore lint/suspicious/noExplicitAny: the SDK's output, read field by field
export function descriptionOf(output: any): Description {
  const description: Description = { metadata: output.Metadata ?? {} }
  for (const [name, , sdkName] of NAMES) if (name !== 'acl') description[name] = output[sdkName]
  return description
}
