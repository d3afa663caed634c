/** The contract between Holdfast and its backends, for people who write a store. @module */
export { UploadError } from '../errors.js'
export type { Concat, Digests, Metadata, NewUpload, UploadInfo, UploadState } from './info.js'
export type { AcquireOptions, Lease, Locker, WriteLease } from './locker.js'
export type {
  AppendOptions,
  Body,
  BodyEnd,
  ByteRange,
  Completion,
  CreateOptions,
  FailOptions,
  FinishOptions,
  ListedUpload,
  OpenOptions,
  Store,
  UploadHandle,
} from './store.js'
