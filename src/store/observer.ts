/**
 * What is told of the requests to a backend, to metrics, traces and logs.
 * @module
 */

/** One try of a request to the backend that has ended. */
export interface StoreCall {
  /** In the backend's terms, such as 'uploadPart'. */
  readonly operation: string
  /** What it was about, where that is one thing: the record of an upload, bytes that are no part yet, or the content itself. */
  readonly subject?: 'record' | 'tail' | 'object' | undefined
  /** Milliseconds. */
  readonly duration: number
  /** 1 for the first try. */
  readonly attempt: number
  /** The backend's code, or the name of the error; undefined if it succeeded. */
  readonly failure: string | undefined
}

/** What a store has in hand now. */
export interface StoreStats {
  /** Bytes of uploads in memory: how many there may be and are, and how many requests wait for room. */
  readonly memory: { readonly limit: number; readonly used: number; readonly waiting: number }
  /** Requests that send bytes of uploads to the backend: how many there may be and are, and how many wait for a place. */
  readonly sending: { readonly limit: number; readonly running: number; readonly waiting: number }
}

/** What is told of requests to a backend. */
export interface StoreObserver {
  /** A store is there. @param stats gives what it has in hand, whenever it is asked */
  storeOpened?(stats: () => StoreStats): void
  /** One try of a request has ended. */
  storeCall?(call: StoreCall): void
}
