/** The development bucket: an S3 server for development and tests, in process and on a directory. @module */
export type { Fault, Intercept, InterceptedRequest } from './intercept.js'
export type { Quirks } from './quirks.js'
export type { OperationName } from './route.js'
export type { RequestRecord } from './serve.js'
export { type BucketOptions, type DevelopmentBucket, startBucket } from './server.js'
