/**
 * What is known of the providers of S3 before the first request: one row each, with its source. Only what documentation
 * (or the server's own code) says stands here; what is merely reported is left out, so that the probe decides. Any option
 * goes before a row. Pure.
 * @module
 */
import type { Capabilities } from './capabilities.js'

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const TiB = 1024 * GiB
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What can be known of a provider: what the store asks of it, and the limits that its options have. */
export interface ProviderFacts extends Capabilities {
  /** How many parts an object may have. */
  maxMultipartParts: number
  /** Bytes: the smallest part but the last, the largest part, the largest object. */
  minPartSize: number
  maxPartSize: number
  maxObjectSize: number
}

export interface Profile {
  /** As `provider` names it. */
  readonly id: string
  /** As people call it. */
  readonly title: string
  /** The hosts of its endpoints; absent for servers that one runs oneself. */
  readonly hosts?: RegExp
  /** How it calls itself in the `Server` header of its answers. */
  readonly server?: RegExp
  /** What is absent is not known. */
  readonly facts: Readonly<Partial<ProviderFacts>>
  /** Where the facts are documented. */
  readonly sources?: readonly string[]
  /** What people report of it, with the place; the probe decides, and docs/providers.md tells. */
  readonly reported?: string
  /** What its operator should know besides. */
  readonly note?: string
}

const PROFILES: readonly Profile[] = [
  {
    id: 'aws',
    title: 'AWS S3',
    // Not by `Server: AmazonS3`, which others say of themselves, too (rclone): behind another host the probe decides.
    hosts: /(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/,
    sources: [
      'docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html',
      'docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html',
      'docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html',
    ],
    facts: {
      conditionalWrites: 'quoted',
      checksums: true,
      fullObjectChecksums: 'all',
      deleteObjects: true,
      multipartExpiry: undefined,
      writeInterval: 0,
      maxMultipartParts: 10_000,
      minPartSize: 5 * MiB,
      maxPartSize: 5 * GiB,
      copiesParts: true,
      tags: true,
    },
  },
  {
    id: 'r2',
    title: 'Cloudflare R2',
    hosts: /(^|\.)r2\.cloudflarestorage\.com$/,
    sources: [
      'developers.cloudflare.com/r2/api/s3/conditional-operations',
      'developers.cloudflare.com/r2/api/s3/api',
      'developers.cloudflare.com/r2/platform/limits',
      'developers.cloudflare.com/r2/objects/multipart-objects',
    ],
    facts: {
      conditionalWrites: 'quoted',
      multipartExpiry: 7 * DAY,
      writeInterval: 1_000,
      maxMultipartParts: 10_000,
      minPartSize: 5 * MiB,
      maxPartSize: 5 * GiB - 5 * MiB,
      maxObjectSize: 5 * TiB - 5 * GiB,
      copiesParts: true,
      equalParts: true,
      tags: false,
    },
    note: 'R2 takes one write a second for each key: several small requests a second for one upload are slow.',
  },
  {
    id: 'b2',
    title: 'Backblaze B2',
    hosts: /(^|\.)backblazeb2\.com$/,
    sources: ['backblaze.com/docs/cloud-storage-s3-compatible-api'],
    facts: { tags: false },
    reported: 'answers conditions with 501 (hashicorp/terraform#37143)',
  },
  {
    id: 'gcs',
    title: 'Google Cloud Storage',
    hosts: /(^|\.)storage\.googleapis\.com$/,
    server: /^UploadServer$/,
    sources: ['cloud.google.com/storage/quotas', 'issuetracker.google.com/issues/323465186'],
    reported: 'ignores conditions (apache/arrow-rs#4879)',
    facts: { writeInterval: 1_000, multipartExpiry: undefined, copiesParts: false, tags: false },
    note: 'Google takes one write a second for each object name: several small requests a second for one upload are slow.',
  },
  {
    id: 'minio',
    title: 'MinIO',
    server: /^MinIO/,
    // `api stale_uploads_expiry` (cmd/config-current.go, 24h by default); If-Match is mended only since
    // RELEASE.2025-09-07, so the probe decides.
    facts: { multipartExpiry: 24 * HOUR, writeInterval: 0, copiesParts: true, tags: true },
    note: 'MinIO drops unfinished multipart uploads after 24 hours, unless `api stale_uploads_expiry` says otherwise.',
  },
  {
    id: 'rustfs',
    title: 'RustFS',
    server: /^rustfs/i,
    // RUSTFS_API_STALE_UPLOADS_EXPIRY, 24h by default.
    facts: { multipartExpiry: 24 * HOUR, writeInterval: 0 },
    note: 'RustFS drops unfinished multipart uploads after 24 hours, unless RUSTFS_API_STALE_UPLOADS_EXPIRY says otherwise.',
  },
  {
    id: 'ceph',
    title: 'Ceph RGW',
    server: /^Ceph Object Gateway/,
    // docs.ceph.com/en/latest/radosgw/s3. How ETags must stand in conditions differs between builds: the probe decides.
    facts: { multipartExpiry: undefined, writeInterval: 0, copiesParts: true, tags: true },
  },
  {
    id: 'digitalocean',
    title: 'DigitalOcean Spaces',
    hosts: /(^|\.)digitaloceanspaces\.com$/,
    // Built on Ceph.
    facts: {},
    reported:
      'matches unquoted ETags only (slatedb/slatedb#1818), and calls a missing multipart upload NoSuchKey (tusd)',
  },
  {
    id: 'hetzner',
    title: 'Hetzner Object Storage',
    hosts: /(^|\.)your-objectstorage\.com$/,
    // Built on Ceph.
    facts: {},
    reported: 'matches unquoted ETags only (benbjohnson/litestream#1509)',
  },
  {
    id: 'wasabi',
    title: 'Wasabi',
    hosts: /(^|\.)wasabisys\.com$/,
    server: /^WasabiS3/,
    facts: {},
    note: 'Wasabi bills objects for at least 30 or 90 days, tails and records included.',
  },
  {
    id: 'scaleway',
    title: 'Scaleway Object Storage',
    hosts: /(^|\.)scw\.cloud$/,
    // Conditional writes are documented, too, but not which quoting.
    sources: [
      'scaleway.com/en/docs/object-storage/concepts',
      'scaleway.com/en/docs/object-storage/api-cli/using-conditional-writes',
    ],
    facts: { maxMultipartParts: 1_000, maxObjectSize: 1_000 * 5 * GiB },
  },
  {
    id: 'ovh',
    title: 'OVHcloud Object Storage',
    hosts: /(^|\.)cloud\.ovh\.(net|us)$/,
    facts: {},
    reported:
      'documents conditions since June 2026, not which quoting; before, 501 (docs.ovh.com, ovh/public-cloud-roadmap#671)',
  },
  {
    id: 'oracle',
    title: 'Oracle Cloud Infrastructure',
    hosts: /(^|\.)objectstorage\.[a-z0-9-]+\.(oraclecloud\.com|oci\.customer-oci\.com)$/,
    facts: {},
  },
  {
    id: 'ibm',
    title: 'IBM Cloud Object Storage',
    hosts: /(^|\.)cloud-object-storage\.appdomain\.cloud$/,
    // Unfinished multipart uploads stay until they are aborted.
    sources: ['cloud.ibm.com/docs/cloud-object-storage'],
    facts: { multipartExpiry: undefined },
  },
  {
    id: 'tigris',
    title: 'Tigris',
    hosts: /(^|\.)(storage\.tigris\.dev|t3\.storage\.dev)$/,
    sources: ['tigrisdata.com/docs/objects/conditionals', 'tigrisdata.com/docs/objects/consistency'],
    facts: { conditionalWrites: 'quoted' },
    note: 'Global and dual-region buckets of Tigris are consistent within one region only: run all nodes in one region.',
  },
  {
    id: 'coreweave',
    title: 'CoreWeave Object Storage',
    hosts: /(^|\.)(cwobject|cwlota)\.com$/,
    facts: {},
    reported: 'documents conditions, not which quoting (docs.coreweave.com)',
  },
  {
    id: 'garage',
    title: 'Garage',
    // garagehq.deuxfleurs.fr/documentation/reference-manual/s3-compatibility: no tagging. Version 1 ignores conditions, by
    // its code; of version 2 nothing is known: the probe decides.
    facts: { tags: false, multipartExpiry: undefined, writeInterval: 0, copiesParts: true },
  },
  {
    id: 'seaweedfs',
    title: 'SeaweedFS',
    server: /^SeaweedFS/,
    facts: { writeInterval: 0, copiesParts: true, tags: true },
  },
  {
    id: 'versitygw',
    title: 'VersityGW',
    server: /^VERSITYGW$/i,
    // Until 1.7 its code (backend/posix) tests a condition and then writes, with nothing that keeps others out between
    // the two. A probe of one request after the other cannot see that, and no header tells the version, so this row goes
    // before it. Since 1.8 both are one step, but GetObject reads the ETag first and opens the file then, so that who
    // reads while a key is replaced may get the ETag of one version with the bytes of another (measured, too).
    facts: { conditionalWrites: 'none', writeInterval: 0, copiesParts: true, tags: true },
    note: 'VersityGW tests conditions, but not at once with the write (before 1.8), nor with reads: it needs a locker.',
  },
  {
    id: 'storj',
    title: 'Storj',
    hosts: /(^|\.)storjshare\.io$/,
    sources: ['github.com/storj/roadmap/issues/40'],
    facts: { copiesParts: false },
    note: 'Storj keeps segments of 64 MiB and bills each: --s3-part-size 64MiB costs least.',
  },
  {
    id: 'mega',
    title: 'MEGA S4',
    hosts: /(^|\.)(megas4\.com|s4\.mega\.io)$/,
    facts: { equalParts: true },
    sources: ['github.com/PhantomPhoton/S3-Compatible/issues/3'],
    reported: 'wants equal parts in sequence, which is the only way in which Holdfast writes them',
  },
  {
    id: 'alibaba',
    title: 'Alibaba Cloud OSS',
    hosts: /(^|\.)aliyuncs\.com$/,
    server: /^AliyunOSS$/,
    facts: {},
    reported: 'refuses conditions (gaul/undocumented-s3-apis)',
  },
  {
    id: 'tencent',
    title: 'Tencent Cloud COS',
    hosts: /(^|\.)myqcloud\.com$/,
    server: /^tencent-cos$/,
    facts: {},
  },
  {
    id: 'supabase',
    title: 'Supabase Storage',
    hosts: /(^|\.)supabase\.(co|in|red)$/,
    // It lists conditions with reads only; whether writes refuse or ignore them, the probe finds.
    sources: ['supabase.com/docs/guides/storage/s3/compatibility'],
    facts: { tags: false },
  },
]

/** A provider of which nothing is known: the probe decides, and AWS's values stand for the rest. */
export const UNKNOWN_PROFILE: Profile = { id: 'other', title: 'an S3-compatible service', facts: {} }

/** What `provider` may be. */
export const PROVIDERS: readonly string[] = [...PROFILES.map(({ id }) => id), UNKNOWN_PROFILE.id]

/**
 * The profile of a provider: the one that is named, or the one whose host the endpoint has, or the one that the
 * `Server` header of its answers names. No endpoint at all is AWS.
 */
export function profileOf(from: {
  provider?: string | undefined
  endpoint?: string | undefined
  server?: string | undefined
}): Profile {
  const { provider, endpoint, server } = from
  if (provider !== undefined) return PROFILES.find(({ id }) => id === provider) ?? UNKNOWN_PROFILE
  const host = endpoint === undefined ? 's3.amazonaws.com' : hostOf(endpoint)
  const byHost = PROFILES.find(({ hosts }) => hosts?.test(host))
  return byHost ?? PROFILES.find((profile) => server !== undefined && profile.server?.test(server)) ?? UNKNOWN_PROFILE
}

function hostOf(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).hostname.replace(/\.$/, '') : ''
}
