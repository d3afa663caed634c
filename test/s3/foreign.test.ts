/**
 * Uploads that @tus/s3-store left in the bucket. It needs Node alone; what needs Go is in test-peers/.
 */
import { describeMoving } from '../support/moving.js'
import { startTusNode } from '../support/peers.js'

const KiB = 1024
const sizes = { part: 192 * KiB, minPart: 160 * KiB }

for (const major of [1, 2] as const) {
  describeMoving({
    name: `@tus/s3-store ${major}`,
    sizes,
    start: (bucket) => startTusNode(major, bucket, sizes),
  })
}
