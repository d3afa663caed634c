import { providerFaults } from './suite.js'

await providerFaults('s3proxy')
