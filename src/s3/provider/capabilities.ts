/**
 * What a provider of S3 does and does not. Known from its profile, told by an option, or found by the probe at start;
 * everything below asks this object and no name of a provider.
 * @module
 */

export interface Capabilities {
  /**
   * Whether PutObject honours `If-None-Match: *` and `If-Match`, and how an ETag must stand there. `none`: the headers
   * are refused or silently ignored, so that writers must be kept apart by a locker.
   */
  conditionalWrites: 'quoted' | 'unquoted' | 'none'
  /** `x-amz-checksum-crc32` is taken (verified, or at least ignored) with UploadPart and PutObject. */
  checksums: boolean
  /**
   * Which multipart uploads can be created for a CRC32 of their whole object (`x-amz-checksum-type: FULL_OBJECT`), so that
   * CompleteMultipartUpload refuses other bytes: `all`; `sent`, those whose parts are sent, and not copied (MinIO); `none`.
   */
  fullObjectChecksums: 'all' | 'sent' | 'none'
  /** What a read of a missing key is answered: `denied` where the credentials may not list the bucket. */
  missingKey: 'absent' | 'denied'
  /** DeleteObjects exists; without it, objects are deleted one by one. */
  deleteObjects: boolean
  /** Milliseconds after which the provider itself drops an unfinished multipart upload; undefined if it never does. */
  multipartExpiry: number | undefined
  /** UploadPartCopy exists. Without it, the bytes of partial uploads go through this process when they are joined. */
  copiesParts: boolean
  /** All parts of a multipart upload but the last must have one size. */
  equalParts: boolean
  /** Objects can have tags. */
  tags: boolean
  /** Milliseconds that must lie between two writes of one key; 0 for no such limit. */
  writeInterval: number
}

/** What AWS does, and whoever does as AWS does. */
export const AWS_CAPABILITIES: Capabilities = {
  conditionalWrites: 'quoted',
  checksums: true,
  fullObjectChecksums: 'all',
  missingKey: 'absent',
  deleteObjects: true,
  multipartExpiry: undefined,
  copiesParts: true,
  equalParts: false,
  tags: true,
  writeInterval: 0,
}
