/**
 * Uploads that @tus/s3-store left in the bucket. It needs Node alone; what needs Go, and the rest of version 1, is in
 * test-peers/.
 */
import { describeMoving } from '../../support/moving.js'
import { startTusNode } from '../../support/peers.js'

const KiB = 1024
const sizes = { part: 192 * KiB, minPart: 160 * KiB }

describeMoving({ name: '@tus/s3-store 2', sizes, start: (bucket) => startTusNode(2, bucket, sizes) })
describeMoving(
  { name: '@tus/s3-store 1', sizes, start: (bucket) => startTusNode(1, bucket, sizes) },
  /^two parts and a tail$|^several parts$/,
)

// Parts behind a hole are overwritten, or such a provider refuses the completion.
describeMoving(
  {
    name: '@tus/s3-store 2 on Ceph',
    sizes,
    quirks: { namesAllParts: true, emptyCompleteEtag: true, missingUpload: 'NoSuchKey' },
    start: (bucket) => startTusNode(2, bucket, sizes),
  },
  /^a hole|^two parts and a tail$|^a small one$|aborted/,
)
// The parts to come have the size of those that are there.
describeMoving(
  {
    name: '@tus/s3-store 2 on Cloudflare R2',
    sizes,
    quirks: { uniformParts: true, opaqueEtags: true },
    start: (bucket) => startTusNode(2, bucket, sizes),
  },
  /^a hole|^two parts and a tail$|aborted/,
)
