/** For people who write a store, or test against one: the contract suite, bodies, and a bucket for development. @module */
export {
  type BucketOptions,
  type DevelopmentBucket,
  type Fault,
  type Intercept,
  type InterceptedRequest,
  type OperationName,
  type Quirks,
  type RequestRecord,
  startBucket,
} from './bucket/index.js'
export { type BodyOptions, bodyOf, chunksOf, seededBytes, thenSilence } from './contract/body.js'
export { type ProbeOptions, type ProbeRow, type ProbeTarget, runProbe } from './probe/index.js'
export { type StoreHarness, storeContract } from './store-contract.js'
