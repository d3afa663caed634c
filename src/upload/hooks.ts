/**
 * What the application has to say about uploads. All hooks are functions of one event that may be asynchronous; each has a
 * time limit, after which it counts as failed. What one throws with a `status` of 400 to 599 is answered to the client so;
 * anything else it throws is 503, and nothing is lost: the client tries again.
 * @module
 */
import type { Answer, Metadata, NewUpload, ObjectOptions, UploadInfo } from '../store/info.js'

/** The request that something came with. */
export interface HookRequest {
  /** What it is called in logs and traces, and told the client in X-Request-ID. */
  readonly id?: string | undefined
  /** The method in effect, after X-HTTP-Method-Override. */
  readonly method: string
  /** Path and query as sent. */
  readonly target: string
  /** Field names in lower case; a field that was sent several times is joined with ', '. May hold credentials. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** The peer's address, if it is known. */
  readonly remoteAddress: string | undefined
}

/** What the client wants: to create an upload, append to it, ask for its offset, terminate it, or read its content. */
export type Verb = 'create' | 'append' | 'offset' | 'cancel' | 'read'

/** What a hook may use beside its event. */
export interface HookContext {
  /** Fires when the time limit of the hook has passed, or the server stops. */
  readonly signal: AbortSignal
}

/** A request that is to be let pass or refused. */
export interface AuthorizeEvent {
  /** The request itself. */
  readonly request: HookRequest
  /** What it wants. */
  readonly verb: Verb
  /** The upload as its record tells it; undefined for a creation. */
  readonly upload: UploadInfo | undefined
}

/** Bounds of one client, tenant or upload. What is absent has the server's bound. */
export interface Limits {
  /** Bytes of an upload. A limit above the server's has no effect. */
  readonly maxSize?: number | undefined
  /** Bytes a second of one request's body: more is held back, not refused. */
  readonly maxRate?: number | undefined
  /** How many uploads of the same owner this process may be writing at once; more is 429. */
  readonly maxActive?: number | undefined
  /** Media types that may be uploaded, such as 'image/png' or 'image/*', by what the metadata claims; others are 415. */
  readonly types?: readonly string[] | undefined
}

/** What `authorize` grants. */
export interface Grant {
  /**
   * Who it is: bound to the upload at creation. Every later request by another owner is answered 404, as if there were no
   * such upload. An upload without an owner is anybody's whom `authorize` lets pass.
   */
  readonly owner?: string | undefined
  /** Sees the uploads of all owners: an administrator, or the application's own server. */
  readonly anyOwner?: boolean | undefined
  /** Bounds for this client. */
  readonly limits?: Limits | undefined
}

/** An upload that is about to be created. */
export interface CreateEvent {
  /** The request that creates it. */
  readonly request: HookRequest
  /** As it would be created. Its ID is chosen already, and may be replaced. */
  readonly upload: Readonly<NewUpload>
}

/** What `onCreate` decides. What is absent stays as it was. */
export interface CreateDecision {
  /** Replaces the ID. A taken one is 409. */
  readonly id?: string | undefined
  /** Replaces all metadata; clients are told these on HEAD. */
  readonly metadata?: Metadata | undefined
  /** Key of the final object, after the store's `objectPrefix`. Default: the ID. */
  readonly key?: string | undefined
  /** What is stored with the object. */
  readonly object?: ObjectOptions | undefined
  /** Milliseconds after which it expires unless it has all its bytes. */
  readonly expiresAfter?: number | undefined
  /** Bounds for this upload. */
  readonly limits?: Pick<Limits, 'maxSize'> | undefined
  /** Added to the answer. */
  readonly answer?: Answer | undefined
}

/** Something about one upload. */
export interface UploadEvent {
  /** The upload as its record tells it. */
  readonly upload: UploadInfo
  /** Undefined where no request is behind it: a sweep, a completion that another node drives, a redelivery. */
  readonly request: HookRequest | undefined
}

/** An upload that has all its bytes, and is about to be complete. */
export interface FinishEvent extends UploadEvent {
  /** Gives the content as it is in the store. The upload does not count as complete yet. */
  read(): Promise<AsyncIterable<Uint8Array>>
}

/** An event that is delivered at least once: by a process that comes later, if the one that began it ends before. */
export interface DeliveredEvent extends UploadEvent {
  /** The same at each delivery of the same event, so that a receiver can tell repetitions. */
  readonly deliveryId: string
}

// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is a hook, too.
type May<T> = T | void | Promise<T | void>

/** What the application is asked and told. Each hook may be absent. */
export interface Hooks {
  /**
   * Before each request, and before anything is done: throws to refuse (with `status`, such as 401 or 403). Sees the record
   * of the upload, if there is one. Not asked for OPTIONS, nor where a signed URL has answered already.
   */
  authorize?(event: AuthorizeEvent, context: HookContext): May<Grant>
  /** Before an upload is created: throws to reject it, or changes it. */
  onCreate?(event: CreateEvent, context: HookContext): May<CreateDecision>
  /** An upload was created. Delivered at least once; nobody waits for it. */
  onCreated?(event: DeliveredEvent, context: HookContext): May<void>
  /**
   * Bytes were committed; at most once in `progressInterval` for each upload, and one at a time. Throws with a `status` to
   * stop the upload: it is terminated then, and the client is answered so.
   */
  onProgress?(event: UploadEvent, context: HookContext): May<void>
  /**
   * The object is in the store, and the upload is about to be complete: no client was told of it. What it returns is
   * added to the answer, kept with the record, and told again to whoever asks by HEAD. Throws with a `status` below 500 to
   * refuse: the upload has failed then, its bytes are removed, and clients are told so for as long as the record is kept.
   * Anything else it throws has it asked again, later. May be called several times for one upload: after a crash, or if the
   * record could not be written.
   */
  onFinish?(event: FinishEvent, context: HookContext): May<Answer>
  /** An upload is complete. Delivered at least once; nobody waits for it. */
  onFinished?(event: DeliveredEvent, context: HookContext): May<void>
  /** Before a client terminates an upload: throws to refuse. */
  onTerminate?(event: UploadEvent, context: HookContext): May<void>
  /** An upload was terminated by a client, or stopped. Delivered at least once; nobody waits for it. */
  onTerminated?(event: DeliveredEvent, context: HookContext): May<void>
}

/** The names of the hooks. */
export type HookName = keyof Hooks
