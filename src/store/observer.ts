/**
 * What is told of the requests to a backend, to metrics, traces and logs.
 * @module
 */

/** One try of a request to the backend that has ended. */
export interface StoreCall {
  /** In the backend's terms, such as 'uploadPart'. */
  readonly operation: string
  /** Milliseconds. */
  readonly duration: number
  /** 1 for the first try. */
  readonly attempt: number
  /** The backend's code, or the name of the error; undefined if it succeeded. */
  readonly failure: string | undefined
}

export interface StoreObserver {
  storeCall?(call: StoreCall): void
}
