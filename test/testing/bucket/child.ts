/** A bucket in a process of its own, to be killed. */
import { startBucket } from '../../../src/testing/bucket/index.js'

startBucket({ directory: process.argv[2]!, buckets: ['test-bucket'], minPartSize: 5 }).then(({ endpoint }) =>
  console.log(endpoint),
)
