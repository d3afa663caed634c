import { providerFaults } from './suite.js'

await providerFaults('versitygw')
