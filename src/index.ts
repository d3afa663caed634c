/** `import { createServer } from 'holdfast'`. Stores and adapters have subpaths of their own. @module */
export { FAILURES, type FailureCode, UploadError } from './errors.js'
export type { CorsOptions } from './http/cors.js'
export {
  type Copied,
  type CopyOptions,
  type Counters,
  createServer,
  type Holdfast,
  type Logger,
  type Readiness,
  type Repair,
  type RepairOptions,
  type RepairReport,
  type ServerOptions,
  type SweepOptions,
  type SweepReport,
} from './server.js'
export type { Answer, ObjectOptions } from './store/info.js'
export type {
  AuthorizeEvent,
  CreateDecision,
  CreateEvent,
  DeliveredEvent,
  FinishEvent,
  Grant,
  HookContext,
  HookName,
  HookRequest,
  Hooks,
  Limits,
  UploadEvent,
  Verb,
} from './upload/hooks.js'
export type { HookEnd, Observer, RequestEnd } from './upload/observer.js'
export { type SignedUrlOptions, signToken, type TokenClaims } from './upload/tokens.js'
