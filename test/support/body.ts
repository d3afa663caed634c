/**
 * Bodies and bytes for tests. They are published with the contract, so they live there.
 * @module
 */
export { type BodyOptions, bodyOf, chunksOf, seededBytes, thenSilence } from '../../src/testing/contract/body.js'
