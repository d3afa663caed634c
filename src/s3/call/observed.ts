/**
 * Tells of each try of a request to S3: its time, without that in which it waited for its place, and what became of it. If
 * nobody wants to know, this is not in the way.
 * @module
 */
import type { StoreCall, StoreObserver } from '../../store/observer.js'
import type { Attributes, Tracer } from '../../store/tracer.js'
import type { Call, OperationName } from './call.js'
import { S3Fault } from './faults.js'

export interface Watching {
  bucket: string
  observers: readonly StoreObserver[]
  tracer: Tracer | undefined
}

/** @param call of single tries: goes below what repeats them */
export function observed(call: Call, { bucket, observers, tracer }: Watching): Call {
  if (observers.length === 0 && tracer === undefined) return call
  const told = observers.length > 0 ? timed(call, observers) : call
  return tracer ? spanned(told, tracer, bucket) : told
}

function timed(call: Call, observers: readonly StoreObserver[]): Call {
  const attemptOf = counting()
  return async (name, input, signal) => {
    const attempt = attemptOf(input)
    const started = performance.now()
    const end = (failure: string | undefined): void => {
      const duration = performance.now() - started
      tell(observers, { operation: name, subject: subjectOf(input), duration, attempt, failure })
    }
    try {
      const output = await call(name, input, signal)
      end(undefined)
      return output
    } catch (error) {
      end(failureOf(error))
      throw error
    }
  }
}

function spanned(call: Call, tracer: Tracer, bucket: string): Call {
  const attemptOf = counting()
  return (name, input, signal) => {
    const method = name[0]!.toUpperCase() + name.slice(1)
    const attributes = {
      ...attributesOf(name, method, input),
      'aws.s3.bucket': bucket,
      'holdfast.attempt': attemptOf(input),
    }
    return tracer.span(`S3/${method}`, { kind: 'client', attributes }, async (span) => {
      try {
        return await call(name, input, signal)
      } catch (error) {
        span.fail(failureOf(error), error)
        if (error instanceof S3Fault) span.set({ 'http.response.status_code': error.status || undefined })
        throw error
      }
    })
  }
}

/** Whoever repeats a request gives the same input again. */
function counting(): (input: object) => number {
  const attempts = new WeakMap<object, number>()
  return (input) => {
    const attempt = (attempts.get(input) ?? 0) + 1
    attempts.set(input, attempt)
    return attempt
  }
}

type Input = { key?: string; keys?: string[]; uploadId?: string; partNumber?: number; body?: { length: number } }

/** By the semantic conventions of OpenTelemetry for S3. */
function attributesOf(name: OperationName, method: string, given: object): Attributes {
  const input: Input = given
  return {
    'rpc.system': 'aws-api',
    'rpc.service': 'S3',
    'rpc.method': method,
    'aws.s3.key': input.key,
    'aws.s3.upload_id': input.uploadId,
    'aws.s3.part_number': input.partNumber,
    'http.request.body.size': name === 'putObject' || name === 'uploadPart' ? input.body?.length : undefined,
  }
}

/** By the names of objects-in-the-bucket.md. */
function subjectOf(input: object): StoreCall['subject'] {
  const { key, keys }: Input = input
  const name = key ?? keys?.[0]
  if (name === undefined) return undefined
  if (name.endsWith('.info')) return 'record'
  return /\.part\d*$/.test(name) ? 'tail' : 'object'
}

function failureOf(error: unknown): string {
  if (error instanceof S3Fault) return error.code || (error.status ? String(error.status) : 'unknown')
  return error instanceof Error ? error.name : 'unknown'
}

function tell(observers: readonly StoreObserver[], call: StoreCall): void {
  for (const observer of observers) {
    try {
      observer.storeCall?.(call)
    } catch {
      // Its own business.
    }
  }
}
