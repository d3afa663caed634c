/**
 * What a backend must do. A store creates and opens uploads; an upload is a handle. What a store cannot do is absent
 * from its handle, and is then not advertised to clients. `holdfast/testing` has the suite that every store must pass.
 *
 * The caller promises: at most one of `append`, `finish`, `declareLength` and `terminate` runs at a time for one
 * upload in one process. Between processes the store itself must be safe: a writer that lost a race throws
 * ERR_CONFLICT (or ERR_UPLOAD_LOCKED) and has changed nothing that was committed.
 * @module
 */
import type { NewUpload, Notes, UploadInfo } from './info.js'
import type { Inspector, Remedy } from './inspect.js'
import type { WriteLease } from './locker.js'
import type { StoreStats } from './observer.js'

/** The bytes of one request as they come. Iterated at most once, by the store. */
export interface Body extends AsyncIterable<Uint8Array> {
  /** How many bytes will come, if the request says so. Fewer may come; never more. */
  readonly length: number | undefined
  /**
   * The chunks are the store's alone: it may give their memory back, and empty them, as soon as it has copied or written them
   * (`freeNow`). Absent where others may have them too.
   */
  readonly isOurs?: boolean | undefined
  /** Bytes that have come and wait in memory, if that is known. */
  readonly unread?: number | undefined
  /** Bytes that have come, if that is known. */
  readonly received?: number | undefined
  /**
   * Makes the iteration end at once, as if the body ended here: the store then stores and commits what it was given.
   * Called by whoever wants the writer to yield. Calling it again, or after the end, does nothing.
   */
  stop(): void
  /**
   * Why the iteration ended; undefined while it runs. `end`: the whole body came. `stopped`: stop() was called.
   * `disconnected`: the client went away. `timeout`: nothing came for too long. `too-long`: the limit was passed, and
   * exactly the bytes up to the limit were given.
   */
  readonly ended: BodyEnd | undefined
}
/** Why a body ended; `Body.ended` says what each means. */
export type BodyEnd = 'end' | 'stopped' | 'disconnected' | 'timeout' | 'too-long'

/** A range of bytes, both ends included. */
export interface ByteRange {
  /** The offset of the first byte. */
  first: number
  /** The offset of the last byte. */
  last: number
}

/**
 * Which body completes the upload. `at-length`: one that brings its last byte, as in tus. `yes` and `no`: the request says
 * so, as in the IETF draft ("length and offset values do not determine whether an upload is complete").
 */
export type Completion = 'at-length' | 'yes' | 'no'

/** What a completion must hold to. */
export interface FinishOptions {
  /**
   * Called when the object is there, and before the record says so: a crash in between has it called again. What it
   * throws fails the completion, which then is still to be done, or to be given up (`fail`).
   * @param read gives the content
   * @param size bytes of it
   */
  beforeComplete?: (read: () => Promise<AsyncIterable<Uint8Array>>, size: number) => Promise<void>
  /**
   * Asked with each commit of bytes: what is committed with them. `completes`: with this one the upload is complete; asked after
   * `beforeComplete`. It never causes a commit.
   */
  notes?: (completes: boolean) => Notes
}

/** How bytes are appended. */
export interface AppendOptions extends FinishOptions {
  /**
   * With `yes`, the body completes the upload if it is given whole (Body.ended is 'end') and ends where the length is, if
   * one is known. With `no`, it never does: the upload may then have all its bytes and be `open`. Default: `at-length`.
   */
  completes?: Completion
  /**
   * Called once when the whole body came, before anything of it is committed: what it throws fails the append. With it,
   * nothing is committed before, and nothing at all unless the whole body came; not even the record of an upload whose
   * creation left it to this append.
   */
  verify?: () => void
  /**
   * Asked with each commit of bytes: the deadline (milliseconds since the epoch) that is committed with them, unless the
   * upload has a later one. It never causes a commit. Default: the deadline stays.
   */
  deadline?: () => number
  /** Told each time more was committed, with the committed offset in bytes. */
  onCommit?: (offset: number) => void
  /**
   * Fires when somebody waits for this append to end (its body is stopped as well). Bytes that the backend does not
   * take within a second or two are then given up: they are not committed, so the client sends them again.
   */
  signal?: AbortSignal
}

/** One upload in a store. */
export interface UploadHandle {
  /** As of the last read or commit of this handle. */
  readonly info: UploadInfo
  /**
   * Stores the bytes of `body` from `offset`, which must equal `info.offset`, and commits them. Ends normally however
   * the body ends. If it `completes` the upload, it may finish it too.
   * @returns the committed offset, at most `offset` plus the bytes that `body` gave; every byte before it survives a
   *   crash of this process.
   * @throws UploadError ERR_MISMATCHED_OFFSET · ERR_CONFLICT (another process committed meanwhile) · ERR_UPLOAD_GONE ·
   *   ERR_STORE_UNAVAILABLE (what was committed before stays; `info.offset` tells)
   */
  append(offset: number, body: Body, options?: AppendOptions): Promise<number>
  /**
   * Makes the object readable under its final name; afterwards `info.state` is `complete`. Idempotent: called again
   * after a crash, and a no-op for a complete upload.
   * @throws UploadError ERR_INCOMPLETE_UPLOAD if bytes are missing · ERR_STORE_UNAVAILABLE · ERR_UPLOAD_GONE
   */
  finish(options?: FinishOptions): Promise<void>
  /**
   * The content of a complete upload, or a range of it (already checked against the length).
   * @throws UploadError ERR_INCOMPLETE_UPLOAD · ERR_STORE_CORRUPT if the object is not the one that was completed
   */
  read(range?: ByteRange): Promise<AsyncIterable<Uint8Array>>
  /**
   * A URL by which anybody may read the content of a complete upload, for a time. Absent where the backend has none.
   * @throws UploadError as for `read`
   */
  presign?(options: PresignOptions): Promise<string>
  /** Ends the upload, finished or not, and removes all that was stored of it. Idempotent. */
  terminate?(options?: TerminateOptions): Promise<void>
  /**
   * Commits what is to be kept with the record, whatever the state; what is absent stays. A no-op if nothing changes.
   * @throws UploadError ERR_CONFLICT if another process changed the record meanwhile · ERR_STORE_UNAVAILABLE
   */
  note?(notes: Notes): Promise<void>
  /** Fixes a deferred length. @throws UploadError ERR_LENGTH_ALREADY_DECLARED if another one was declared before */
  declareLength?(length: number): Promise<void>
  /**
   * Of a final upload: makes its object of the bytes of the sources, in order; afterwards `info.state` is `complete`.
   * Idempotent, and safe when another process does the same at the same time: called again after a crash, it goes on.
   * @param sources complete uploads of this store, as `info` tells them. An upload that is `completing` or `complete` has
   *   their bytes already and needs none.
   * @throws UploadError ERR_CONFLICT if a source is no longer there · ERR_INVALID_CONCAT · ERR_MAX_SIZE_EXCEEDED if the
   *   store cannot join them · ERR_STORE_UNAVAILABLE · ERR_UPLOAD_GONE
   */
  concat?(sources: readonly UploadInfo[], options?: FinishOptions): Promise<void>
  /**
   * Ends an upload that will never be complete: `failed`, for this reason, which clients are told. Its bytes are removed;
   * its record stays. Idempotent: of an upload that has failed, only what is left is removed.
   * @throws UploadError ERR_CONFLICT if it is complete, or another process changed it · ERR_UPLOAD_LOCKED ·
   *   ERR_STORE_UNAVAILABLE: `failed` or not, it can be called again
   */
  fail(reason: string, options?: FailOptions): Promise<void>
  /**
   * Of a partial upload: remembers that a final one waits for it, without disturbing whoever writes it. Present with
   * `concat`; it only hastens things, so it may forget.
   */
  noteFinal?(finalId: string): Promise<void>
  /** Of a partial upload: the final ones that were noted. */
  finals?(): Promise<string[]>
  /**
   * Mends what the store's inspector found, as the only writer of the upload, and by commits like all others. Idempotent:
   * where there is nothing of the kind any more, nothing is done. Present where there is an inspector.
   * @param measured for `adopt`: what was found by reading the whole content, for a record without a checksum
   * @returns whether something was done
   * @throws UploadError ERR_CONFLICT if another process changed it meanwhile · ERR_UPLOAD_LOCKED · ERR_STORE_UNAVAILABLE
   */
  mend?(remedy: StoreRemedy, measured?: Measure): Promise<boolean>
}

/** What a presigned URL is good for. */
export interface PresignOptions {
  /** Milliseconds for which it is good; at most 7 days. It ends earlier if the credentials do. */
  expiresIn: number
  /** Content-Type and Content-Disposition of the answer. Default: what is stored with the object. */
  contentType?: string
  /** The Content-Disposition of the answer. */
  contentDisposition?: string
}

/** How an upload is ended by its client. */
export interface TerminateOptions {
  /** Committed with the end of the upload: the record then stays, as `failed`, until it is terminated without them. */
  notes?: Notes
}

/** What a store can do by itself; the others take a whole server. */
export type StoreRemedy = Extract<Remedy, 'adopt' | 'settle' | 'strays' | 'tidy'>

/** Of the whole content that had this entity tag. */
export interface Measure {
  /** The entity tag of the content. */
  etag: string
  /** The CRC32 of the content. */
  crc32: number
}

/** How an upload is ended as failed. */
export interface FailOptions {
  /** Committed with it. */
  notes?: Notes
  /** Whoever writes the upload in another process is left alone: ERR_UPLOAD_LOCKED then, if the store has a lock. */
  quietly?: boolean
}

/** How an upload is created. */
export interface CreateOptions {
  /**
   * An append follows at once on this handle: the store may leave the record to that append's first commit (so a
   * creation with a small body costs one write less). If the append stores nothing, it must still commit the record.
   */
  appendFollows?: boolean
  /** As for `open`. */
  lease?: WriteLease | undefined
  /**
   * Of a final upload: the bytes of each of its partials, in order, if all are known. What the store can never join is
   * then refused at once.
   */
  sizes?: readonly number[] | undefined
}

/** How an upload is opened. */
export interface OpenOptions {
  /**
   * The caller can do with what this process last committed, unread since. A write through a stale handle fails with
   * ERR_CONFLICT and loses nothing.
   */
  cached?: boolean
  /**
   * The caller has a locker, and this is its lease: a handle that was given one begins no write of what others may see
   * unless `lease.mayWrite()`, and fails with ERR_LOCKER_UNAVAILABLE instead. Each `open` with a lease replaces the one
   * before. A store that keeps processes apart by itself may do without.
   */
  lease?: WriteLease | undefined
}

/** What may be the record of an upload, not read yet. */
export interface ListedUpload {
  /** Names this record as it is now, and no other in this store: what changes with each commit is part of it. */
  readonly version: string
  /** Milliseconds since the epoch, by the clock of whoever keeps it: when it was last committed. */
  readonly modifiedAt: number
  /**
   * Reads it, and changes nothing.
   * @returns undefined if it is no record of this store (another server wrote it), or is not there any more
   * @throws UploadError ERR_STORE_UNAVAILABLE
   */
  read(): Promise<UploadInfo | undefined>
}

/** A backend: it creates uploads and opens them. */
export interface Store {
  /** What the handles can do, known before there is one: decides which extensions are advertised. */
  readonly abilities: {
    readonly terminate: boolean
    readonly declareLength: boolean
    readonly concat?: boolean
    readonly list?: boolean
  }
  /** Largest upload that the store takes, in bytes, if it has a limit. */
  readonly maxObjectSize: number | undefined
  /**
   * Finds out whether the backend can serve. The server awaits it before the first command, and again until it succeeded
   * once; a store that needs no such look has none.
   * @param guarantees.exclusive the caller keeps the writers of an upload apart on all nodes (it has a locker, or is the
   *   only process)
   * @throws UploadError ERR_INVALID_OPTIONS if the backend cannot keep its promises so · ERR_STORE_UNAVAILABLE
   */
  ready?(guarantees: { exclusive: boolean }): Promise<void>
  /**
   * @throws UploadError ERR_CONFLICT if the ID is taken · ERR_MAX_SIZE_EXCEEDED · ERR_METADATA_TOO_LARGE ·
   *   ERR_INVALID_CONCAT
   */
  create(upload: NewUpload, options?: CreateOptions): Promise<UploadHandle>
  /**
   * Also resolves for `failed` uploads (the caller answers 410).
   * @throws UploadError ERR_UPLOAD_NOT_FOUND · ERR_STORE_UNAVAILABLE
   */
  open(id: string, options?: OpenOptions): Promise<UploadHandle>
  /**
   * The records of all uploads, in any order: what is committed during the iteration may be in it or not.
   * @throws UploadError ERR_STORE_REFUSED, naming the permission that is missing · ERR_STORE_UNAVAILABLE
   */
  list?(): AsyncIterable<ListedUpload>
  /** For the operator's tools: looks at what the store holds, and changes nothing. Absent: it offers no such look. */
  inspector?(): Inspector
  /** What it has in hand now, for metrics; absent where there is nothing to tell. */
  readonly stats?: StoreStats
  /** Releases connections and timers. Appends still under way end first (their bodies were stopped by the caller). */
  close(): Promise<void>
}
