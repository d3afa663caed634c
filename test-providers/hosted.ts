/**
 * The providers that nobody can start on loopback: what Holdfast does about what is known of each, and which quirk of the
 * development bucket, in which test, stands in for it.
 * @module
 */

export interface StandIn {
  /** What Holdfast does about it, in words. */
  readonly does: string
  /** Of the development bucket. */
  readonly quirks: readonly string[]
  /** Titles of tests below test/. */
  readonly tests: readonly string[]
}

const PROBED = 'asks at start: conditions, quoting, checksums'
const ALL: StandIn = {
  does: PROBED,
  quirks: [],
  tests: ['a bucket that does as AWS does: fourteen requests, and nothing stays'],
}
const CEPH: StandIn = {
  does: `${PROBED}; sends the ETag as it was found to work; takes NoSuchKey for NoSuchUpload; names every part`,
  quirks: ["conditions: 'unquoted'", "missingUpload: 'NoSuchKey'", 'namesAllParts: true', 'emptyCompleteEtag: true'],
  tests: [
    'If-Match holds without quotes only',
    'missing multipart uploads are called NoSuchKey',
    'all parts must be named, and Complete has no ETag',
  ],
}
const REFUSING: StandIn = {
  does: `${PROBED}; without conditions it wants a locker, and refuses to serve otherwise`,
  quirks: ["conditions: 'refused'"],
  tests: ['conditions are refused'],
}

export const HOSTED: Readonly<Record<string, StandIn>> = {
  aws: {
    does: 'nothing needs to be asked but whether the credentials may list the bucket',
    quirks: ["missingKey: 'AccessDenied'", 'opaqueEtags: true'],
    tests: ['missing keys are called AccessDenied', 'ETags are no MD5'],
  },
  r2: {
    does: 'commits at most once a second while bytes come, and waits out a 429; equal parts always; tells clients when the provider drops an upload',
    quirks: ['writeInterval: 1000', 'uniformParts: true', "checksums: 'refused'", "deleteObjects: 'md5-only'"],
    tests: [
      'one write a second for each key: 429 is waited out',
      'parts must be equal',
      'checksum headers are refused, which was not known',
      'Upload-Expires tells when, and afterwards HEAD is 410 with no completion ever claimed',
    ],
  },
  b2: REFUSING,
  gcs: {
    does: `${PROBED}; ignored conditions are found out, and a locker is wanted; waits out a 429; deletes one by one`,
    quirks: ["conditions: 'ignored'", 'writeInterval: 1000', "deleteObjects: 'absent'"],
    tests: [
      'conditions are silently ignored',
      'one write a second for each key: 429 is waited out',
      'there is no DeleteObjects',
    ],
  },
  digitalocean: CEPH,
  hetzner: CEPH,
  wasabi: ALL,
  scaleway: {
    does: `${PROBED}; makes parts larger, so that 1,000 are enough, and refuses what would need more`,
    quirks: ['maxParts: 1000'],
    tests: ['few parts are allowed', 'the parts that a provider allows bound its uploads, without an option'],
  },
  ovh: REFUSING,
  oracle: ALL,
  ibm: ALL,
  tigris: {
    does: 'takes conditions as they are documented',
    quirks: [],
    tests: ['a bucket that does as AWS does: fourteen requests, and nothing stays'],
  },
  coreweave: ALL,
  storj: ALL,
  mega: { does: `${PROBED}; equal parts always`, quirks: ['uniformParts: true'], tests: ['parts must be equal'] },
  alibaba: REFUSING,
  tencent: ALL,
  supabase: {
    does: `${PROBED}; where conditions are ignored or refused, a locker is wanted`,
    quirks: ["conditions: 'ignored'"],
    tests: ['conditions are silently ignored'],
  },
}
