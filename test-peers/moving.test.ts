/** Uploads that tusd and @tus/s3-store left in the bucket, with parts as S3 wants them. */
import { describeMoving } from '../test/support/moving.js'
import { startTusNode } from '../test/support/peers.js'
import { type Major, startTusd, TUSD } from './tusd.js'

const MiB = 1024 * 1024
/** The least parts that tusd 1 makes. */
const sizes = { part: 6 * MiB, minPart: 5 * MiB }
const partSize = ['-s3-part-size', String(sizes.part)]

for (const major of [1, 2] as const satisfies Major[]) {
  const name = `tusd ${TUSD[major].version}`
  describeMoving({ name, sizes, inOrder: major === 1, start: (bucket) => startTusd(major, bucket, partSize) })
  describeMoving(
    {
      name: `${name} with a prefix`,
      sizes,
      prefixes: { objectPrefix: 'in/uploads/' },
      start: (bucket) => startTusd(major, bucket, [...partSize, '-s3-object-prefix', 'in/uploads']),
    },
    /^two parts and a tail$|^a small one$|aborted/,
  )
}

for (const major of [1, 2] as const) {
  describeMoving({ name: `@tus/s3-store ${major}`, sizes, start: (bucket) => startTusNode(major, bucket, sizes) })
}
