/**
 * What is known of one upload, in the field's terms. Backends map it to their record (tusd's FileInfo JSON).
 * @module
 */

/** The decoded Upload-Metadata: keys as sent, values as UTF-8 text; a key without a value has the empty string. */
export type Metadata = Record<string, string>

/**
 * `open` takes bytes; `completing` has them all and its object is being made; `complete` has its object;
 * `failed` has ended otherwise (terminated, expired at the provider), and `failure` says why.
 */
export type UploadState = 'open' | 'completing' | 'complete' | 'failed'

/**
 * What concatenation has to do with an upload: it is a part of others to be, or is made of such parts. `partials` are
 * their IDs in order, each as often as it counts; `field` is what the client sent, undefined if another server wrote the
 * record.
 */
export type Concat = { kind: 'partial' } | { kind: 'final'; partials: readonly string[]; field: string | undefined }

/**
 * Digests of the whole content in Base64, by their names in Repr-Digest (RFC 9530).
 */
export type Digests = Readonly<Partial<Record<'sha-256' | 'sha-512', string>>>

/** What is added to an answer by a hook. */
export interface Answer {
  /** 200 to 299 for what went well. Default: that of the protocol. */
  readonly status?: number | undefined
  /** Fields of the protocol and of HTTP's framing are not replaced. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Text after the head; answers without content, such as 204, have none. */
  readonly body?: string | undefined
}

/** What a hook has refused for ever, and is told again. */
export interface Refusal extends Answer {
  /** 400 to 499. */
  readonly status: number
  /** In a sentence. */
  readonly message: string
}

/** What is stored with the final object, as far as the store can. What is absent is the store's default. */
export interface ObjectOptions {
  /** The Content-Type of the object. */
  readonly contentType?: string | undefined
  /** The Content-Disposition of the object. */
  readonly contentDisposition?: string | undefined
  /** The Content-Encoding of the object. */
  readonly contentEncoding?: string | undefined
  /** The Content-Language of the object. */
  readonly contentLanguage?: string | undefined
  /** The Cache-Control of the object. */
  readonly cacheControl?: string | undefined
  /** Replaces what would be taken from the upload's metadata. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Tags of the object. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** Such as 'STANDARD_IA' or 'INTELLIGENT_TIERING'. */
  readonly storageClass?: string | undefined
  /** A canned ACL, such as 'private' or 'public-read'. */
  readonly acl?: string | undefined
}

/** An event that must be delivered. */
export type OutboxEvent = 'created' | 'finished' | 'terminated'

/** What is kept with a record beside the upload itself. */
export interface Notes {
  /** Events that were not delivered yet. */
  readonly outbox?: readonly OutboxEvent[] | undefined
  /** What a hook said when the upload was finished. */
  readonly answer?: Answer | undefined
  /** With which a hook refused it. */
  readonly refusal?: Refusal | undefined
}

/** What a creation fixes. */
export interface NewUpload {
  /** Validated ID; names the object. */
  id: string
  /** Bytes of the whole upload; undefined while the client defers it. */
  length: number | undefined
  /** Keys and values that the client sent with the creation. */
  metadata: Metadata
  /** The Upload-Metadata field as the client sent it, told again unchanged on HEAD; undefined if none was sent. */
  metadataField: string | undefined
  /** Undefined for an upload that concatenation has nothing to do with. */
  concat?: Concat | undefined
  /** What the client says of the whole content. An upload that is complete has been found to have these. */
  digests?: Digests | undefined
  /** Milliseconds since the epoch: when it expires, unless it has all its bytes by then. Undefined: never. */
  deadline?: number | undefined
  /** Whose it is; undefined for anybody's. */
  owner?: string | undefined
  /** Key of the final object, after the store's prefix. Undefined: the ID. */
  key?: string | undefined
  /** What is stored with the final object. */
  object?: ObjectOptions | undefined
  /** Bytes that it may have, if that is less than the server's bound and its length is not known. */
  maxSize?: number | undefined
  /** Events of the creation that are still to be delivered. */
  readonly outbox?: readonly OutboxEvent[] | undefined
}

/** One upload as its committed record tells it. */
export interface UploadInfo extends NewUpload, Notes {
  /** Committed bytes: every one of them survives a crash. */
  offset: number
  /** How far it is. */
  state: UploadState
  /** For `failed`: the reason, in a sentence that may be told to the client. */
  failure: string | undefined
  /** Milliseconds since the epoch. */
  createdAt: number
  /** Milliseconds since the epoch, once `complete`. */
  completedAt: number | undefined
  /**
   * Milliseconds since the epoch: until then at least it can be resumed. The deadline, or when the backend drops what is
   * unfinished, whichever comes first; undefined if there is no such limit, or none is known, or it has all its bytes.
   */
  expiresAt?: number | undefined
  /**
   * Milliseconds since the epoch: when the record was last committed, by the clock of whoever keeps it. Undefined if that
   * is not known.
   */
  modifiedAt?: number | undefined
  /** What is left of it beside its object could not be removed yet; whoever opens it tries again. */
  leftovers?: boolean | undefined
  /** Strong entity tag of the finished content, with its quotes, once `complete`. */
  etag: string | undefined
  /** CRC32 of the whole content, once `complete`; undefined if it is not known (another server stored some of it). */
  crc32?: number | undefined
  /** Where the bytes are, for hooks and logs (tusd's `Storage`): type, bucket and key, or path. */
  storage: Record<string, string>
}
