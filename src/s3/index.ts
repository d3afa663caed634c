/** The S3 store: `import { S3Store } from 'holdfast/s3'`. @module */

export type { Encryption } from './call/constants.js'
export type { S3Api, Service } from './call/sdk.js'
export type { StoreLogger } from './context.js'
export type { CopiedObject, CopyTarget } from './copy.js'
export type { S3StoreOptions } from './options.js'
export { S3Store } from './store.js'
