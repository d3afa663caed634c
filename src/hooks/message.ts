/**
 * What hooks of other processes are sent and answer: the JSON of tusd 2, in its names, and a few fields of our own that tusd
 * does not know. Pure.
 * @module
 */

/** The events, by tusd's names. `pre-` may refuse or change something; `post-` tells what has happened. */
export const HOOK_TYPES = [
  'pre-create',
  'post-create',
  'post-receive',
  'pre-finish',
  'post-finish',
  'pre-terminate',
  'post-terminate',
] as const

/** The names of the events. */
export type HookType = (typeof HOOK_TYPES)[number]

/** Those that tusd tells unless it is told which. */
export const DEFAULT_EVENTS: readonly HookType[] = [
  'pre-create',
  'post-create',
  'post-receive',
  'post-terminate',
  'post-finish',
]

/** What is sent. */
export interface HookMessage {
  /** Which event it is. */
  readonly Type: HookType
  /** The upload, and the request that the event came with. */
  readonly Event: { readonly Upload: HookUpload; readonly HTTPRequest: HookHttpRequest }
  /** Not tusd's. The same whenever the same event is told again, so that repetitions can be found. */
  readonly DeliveryID: string
}

/** An upload, as tusd has it. */
export interface HookUpload {
  /** Empty for pre-create. */
  readonly ID: string
  /** Bytes; 0 while the length is deferred. */
  readonly Size: number
  /** Whether the client has not told the length yet. */
  readonly SizeIsDeferred: boolean
  /** Bytes that are committed. */
  readonly Offset: number
  /** What the client said of it. */
  readonly MetaData: Readonly<Record<string, string>>
  /** Whether it is made to be joined with others. */
  readonly IsPartial: boolean
  /** Whether it is made of others. */
  readonly IsFinal: boolean
  /** IDs in order, for a final upload. */
  readonly PartialUploads: readonly string[] | null
  /** Where the bytes are: Type, Bucket and Key, or Path. Null for pre-create. */
  readonly Storage: Readonly<Record<string, string>> | null
}

/** The request that it came with. All is empty if there was none: an event that is told again, or told by a sweep. */
export interface HookHttpRequest {
  /** The method in effect. */
  readonly Method: string
  /** Path and query as sent. */
  readonly URI: string
  /** The peer's address. */
  readonly RemoteAddr: string
  /** Names as Go writes them, such as Content-Type. */
  readonly Header: Readonly<Record<string, readonly string[]>>
}

/** What may be answered. All of it may be left out. */
export interface HookReply {
  /** What is added to the answer, or refused with. */
  readonly HTTPResponse?: HookHttpResponse | undefined
  /** pre-create; and, not as in tusd, pre-finish: the upload has failed then, and its bytes are removed. */
  readonly RejectUpload?: boolean | undefined
  /** pre-terminate. */
  readonly RejectTermination?: boolean | undefined
  /** pre-create. */
  readonly ChangeFileInfo?: FileInfoChanges | undefined
  /** post-receive: the upload is terminated. */
  readonly StopUpload?: boolean | undefined
}

/** An answer to the client. */
export interface HookHttpResponse {
  /** 0 counts as absent. */
  readonly StatusCode?: number | undefined
  /** Text after the head. */
  readonly Body?: string | undefined
  /** Header fields of the answer. */
  readonly Header?: Readonly<Record<string, string>> | undefined
}

/** What is changed of an upload that is about to be created. */
export interface FileInfoChanges {
  /** Empty counts as absent. */
  readonly ID?: string | undefined
  /** Replaces all metadata; {} leaves none. */
  readonly MetaData?: Readonly<Record<string, string>> | undefined
  /** `Key` (or `Path`, as tusd's filestore has it): the name of the final object, after the store's prefix. */
  readonly Storage?: Readonly<Record<string, string>> | undefined
  /** Not tusd's: what is stored with the object. */
  readonly Object?: ObjectChanges | undefined
  /** Not tusd's: milliseconds after which the upload expires unless it has all its bytes. */
  readonly ExpiresAfter?: number | undefined
  /** Not tusd's: bytes that the upload may have. */
  readonly MaxSize?: number | undefined
}

/** What is stored with the object. */
export interface ObjectChanges {
  /** The Content-Type of the object. */
  readonly ContentType?: string | undefined
  /** The Content-Disposition of the object. */
  readonly ContentDisposition?: string | undefined
  /** The Content-Encoding of the object. */
  readonly ContentEncoding?: string | undefined
  /** The Content-Language of the object. */
  readonly ContentLanguage?: string | undefined
  /** The Cache-Control of the object. */
  readonly CacheControl?: string | undefined
  /** Replaces what would be taken from the upload's metadata. */
  readonly Metadata?: Readonly<Record<string, string>> | undefined
  /** Tags of the object. */
  readonly Tags?: Readonly<Record<string, string>> | undefined
  /** The storage class of the object. */
  readonly StorageClass?: string | undefined
  /** A canned ACL. */
  readonly ACL?: string | undefined
}
