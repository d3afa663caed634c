/**
 * Where a fault strikes, and which: a point is one S3 call of a scenario and one kind of fault.
 * @module
 */
import type { OperationName } from '../../src/testing/bucket/route.js'
import type { ProxiedCall, ProxyFault } from '../../test/support/fault-proxy.js'

/** What one fault needs to know of the run that it strikes. */
export interface Strike {
  /** Kills the server that sent the request. */
  kill: () => void
  /** Resolves when the same request was sent again and answered. */
  answeredAgain: Promise<unknown>
}

export interface Kind {
  readonly name: string
  /** Strikes every try, until a request of the client has failed by it. Without, it strikes once. */
  readonly lasts?: boolean
  /** The server must be a process of its own. */
  readonly kills?: boolean
  /** Nothing comes of it before the server loses its patience. */
  readonly hangs?: boolean
  /** All, if absent. */
  readonly operations?: readonly OperationName[]
  fault(strike: Strike): ProxyFault
}

const status = (code: number, name: string) => (): ProxyFault => ({ action: 'status', status: code, code: name })

const IN_200: OperationName[] = ['CompleteMultipartUpload', 'UploadPartCopy', 'CopyObject']

/** Every kind of fault. */
export const KINDS: readonly Kind[] = [
  { name: 'refused (403)', fault: status(403, 'AccessDenied') },
  { name: 'answered 500', fault: status(500, 'InternalError') },
  { name: 'answered 503 SlowDown', fault: status(503, 'SlowDown') },
  { name: 'reset before S3 got it', fault: () => ({ action: 'reset-before' }) },
  { name: 'reset after S3 did it', fault: () => ({ action: 'reset-after' }) },
  {
    name: 'reset, and done by S3 only after its retry',
    fault: ({ answeredAgain }) => ({ action: 'late', until: answeredAgain }),
  },
  { name: 'delayed', fault: () => ({ action: 'delay', ms: 150 }) },
  { name: 'answer cut short', fault: () => ({ action: 'cut' }) },
  { name: 'never answered, not done', hangs: true, fault: () => ({ action: 'hang' }) },
  { name: 'never answered, but done', hangs: true, fault: () => ({ action: 'hang-after' }) },
  { name: '200 with an error, not done', operations: IN_200, fault: () => ({ action: 'error-in-200', isDone: false }) },
  { name: '200 with an error, but done', operations: IN_200, fault: () => ({ action: 'error-in-200', isDone: true }) },
  { name: 'refused (403) every time', lasts: true, fault: status(403, 'AccessDenied') },
  { name: 'answered 500 every time', lasts: true, fault: status(500, 'InternalError') },
  { name: 'answered 503 SlowDown every time', lasts: true, fault: status(503, 'SlowDown') },
  { name: 'reset before S3 got it, every time', lasts: true, fault: () => ({ action: 'reset-before' }) },
  { name: 'reset after S3 did it, every time', lasts: true, fault: () => ({ action: 'reset-after' }) },
  { name: 'answer cut short, every time', lasts: true, fault: () => ({ action: 'cut' }) },
  { name: 'never answered, every time', lasts: true, hangs: true, fault: () => ({ action: 'hang' }) },
  { name: 'SIGKILL before S3 got it', kills: true, fault: ({ kill }) => ({ action: 'kill-before', strike: kill }) },
  { name: 'SIGKILL after S3 did it', kills: true, fault: ({ kill }) => ({ action: 'kill-after', strike: kill }) },
]

/**
 * A call by a name that is the same in each run, in whichever order calls overlap: who sent it, what it does, to which
 * of the upload's objects, and the how manieth of those it is.
 */
export function nameOf(node: string, { operation, key, partNumber }: ProxiedCall): string {
  const [, kind] = /\.(info|part\d*)$/.exec(key) ?? []
  const what = key === '' ? '' : kind === 'info' ? ' record' : kind ? ` tail ${kind}` : ' object'
  return `${node}: ${operation}${partNumber === undefined ? what : ` ${partNumber}`}`
}

/** One S3 call of a scenario. */
export interface Site {
  readonly name: string
  readonly operation: OperationName
  /** 1 for the first call of this name. */
  readonly occurrence: number
}

export const textOf = ({ name, occurrence }: Site): string => (occurrence === 1 ? name : `${name}, #${occurrence}`)

export interface Point {
  readonly site: Site
  readonly kind: Kind
}

/** Each call × each kind of fault that can strike it. */
export function pointsOf(sites: readonly Site[], kinds: readonly Kind[] = KINDS): Point[] {
  return sites.flatMap((site) =>
    kinds
      .filter(({ operations }) => operations === undefined || operations.includes(site.operation))
      .map((kind) => ({ site, kind })),
  )
}
