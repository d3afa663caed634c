/** The protocol without I/O: heads to commands, outcomes to heads. For people who write an adapter or a codec. @module */
export type { Command, Outcome, Report } from '../upload/command.js'
export type { Codec, ParseOptions, RenderContext, Rendered } from './codec.js'
export { type Downloadable, type DownloadPlan, planDownload } from './download.js'
export type { Fields, RequestHead, ResponseHead } from './message.js'
export { codecFor } from './select.js'
export { encodeMetadata, parseMetadata } from './tus1/metadata.js'
