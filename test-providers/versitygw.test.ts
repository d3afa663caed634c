import { providerSuite } from './suite.js'

await providerSuite('versitygw')
