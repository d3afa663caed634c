/** `import { createServer } from 'holdfast'`. Stores and adapters have subpaths of their own. @module */
export { FAILURES, type FailureCode, UploadError } from './errors.js'
export type { CorsOptions } from './http/cors.js'
export {
  type Counters,
  createServer,
  type Holdfast,
  type Logger,
  type ServerOptions,
  type SweepOptions,
  type SweepReport,
} from './server.js'
