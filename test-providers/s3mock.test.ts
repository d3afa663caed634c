import { providerSuite } from './suite.js'

await providerSuite('s3mock')
