/** Hooks of several kinds together, and what those of other processes are sent and answer. */
export { combineHooks } from './combine.js'
export type {
  FileInfoChanges,
  HookHttpRequest,
  HookHttpResponse,
  HookMessage,
  HookReply,
  HookType,
  HookUpload,
  ObjectChanges,
} from './message.js'
export type { HookEventOptions, RemoteHooks } from './remote.js'
