/**
 * What all uploads of one S3Store share.
 * @module
 */
import type { Call } from './call/call.js'
import type { DirectPlane } from './call/direct.js'
import type { Prefixes } from './keys.js'
import type { Budget } from './parts/budget.js'
import type { PartLimits } from './parts/plan.js'
import type { Capabilities } from './provider/capabilities.js'

/** What the store tells its operator. Fields never hold secrets. */
export interface StoreLogger {
  /** What went wrong and was dealt with. */
  warn(fields: Record<string, unknown>, message: string): void
}

export interface S3Context {
  bucket: string
  prefixes: Prefixes
  call: Call
  /** As of the data plane, if objects can be read by a URL. */
  presign?: DirectPlane['presign']
  /** An object that is there is replaced. */
  overwrite: boolean
  /** What the provider does; complete once the store is ready. */
  provider: Capabilities
  limits: PartLimits
  budget: Budget
  /** Where parts wait that find no room in the budget; undefined: they wait in the client instead. */
  temporaryDirectory: string | undefined
  /** Whether an upload that has so many parts unconfirmed may fill another. */
  mayFill: (partSize: number, pending: number) => boolean
  /** Milliseconds between two commits of one long append. */
  commitInterval: number
  now: () => number
  logger: StoreLogger
}
