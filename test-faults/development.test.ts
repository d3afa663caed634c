import { faultSuite } from './support/suite.js'
import { openDevelopmentBucket } from './support/target.js'

await faultSuite(await openDevelopmentBucket())
