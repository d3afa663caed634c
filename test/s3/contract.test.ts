import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { S3Store } from '../../src/s3/index.js'
import { storeContract } from '../../src/testing/store-contract.js'
import { BUCKET, clientOf, openBucket } from '../support/stack.js'

const MiB = 1024 * 1024
const PART = 5 * MiB

// Short pages, so that lists have several.
const bucket = await openBucket({ maxListSize: 20 })

storeContract('S3Store', {
  open: async () =>
    new S3Store({
      bucket: BUCKET,
      service: clientOf(bucket.bucket),
      minPartSize: PART,
      preferredPartSize: PART,
      maxObjectSize: 64 * MiB,
    }),
  interestingSizes: [PART - 1, PART, PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1, 4 * PART + 17],
  async leftovers(id) {
    const { Uploads = [] } = await bucket.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
    const multiparts = Uploads.filter(({ Key }) => Key?.includes(id)).map(({ UploadId }) => `multipart ${UploadId}`)
    return [...(await bucket.keys(id)), ...multiparts]
  },
  cleanup: () => bucket.close(),
})
