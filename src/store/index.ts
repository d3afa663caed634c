/** The contract between Holdfast and its backends, for people who write a store. @module */
export { UploadError } from '../errors.js'
export type {
  Answer,
  Concat,
  Digests,
  Metadata,
  NewUpload,
  Notes,
  ObjectOptions,
  OutboxEvent,
  Refusal,
  UploadInfo,
  UploadState,
} from './info.js'
export type {
  Author,
  Exported,
  Exporter,
  ExportOptions,
  Finding,
  Inspection,
  Inspector,
  Level,
  Orphan,
  RecordEntry,
  Remedy,
  Summary,
  Verification,
  VerifyOptions,
} from './inspect.js'
export type { AcquireOptions, Lease, Locker, WriteLease } from './locker.js'
export type { StoreCall, StoreObserver, StoreStats } from './observer.js'
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
  Measure,
  OpenOptions,
  PresignOptions,
  Store,
  StoreRemedy,
  TerminateOptions,
  UploadHandle,
} from './store.js'
export type { Attributes, Span, SpanOptions, Tracer } from './tracer.js'
