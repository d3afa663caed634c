/**
 * Conditional writes as the provider at hand takes them. Everything above speaks of `ifMatch` and `ifAbsent` as AWS does.
 * @module
 */
import type { Capabilities } from '../provider/capabilities.js'
import type { Call, OperationName, Operations } from './call.js'
import { means, S3Fault } from './faults.js'
import { mustHold } from './leased.js'

type PutObject = Operations['putObject'][0]
type Other = Pick<PutObject, 'ifMatch' | 'ifAbsent'>

/** Writes that were looked before by whoever asks for them: a condition is worth having there, not needed. */
const LOOKED_BEFORE: ReadonlySet<OperationName> = new Set(['completeMultipartUpload', 'deleteObject'])

const bare = (etag: string): string => etag.replace(/^W\//, '').replaceAll('"', '')

/** @param provider read at each call: it is complete only once the store is ready */
export function conditioned(call: Call, provider: Capabilities): Call {
  return async (name, input, signal) => {
    const put = input as PutObject
    if (LOOKED_BEFORE.has(name)) return call(name, { ...input, ...suited(input as Other, provider) }, signal)
    if (name === 'putObject') mustHold(put.lease)
    if (name !== 'putObject' || !(put.ifMatch || put.ifAbsent) || provider.conditionalWrites === 'quoted') {
      return call(name, input, signal)
    }
    if (provider.conditionalWrites === 'unquoted') {
      return call('putObject', { ...put, ifMatch: put.ifMatch && bare(put.ifMatch) }, signal) as never
    }
    await mustBe(call, put, signal)
    // The look took time.
    mustHold(put.lease)
    return call('putObject', { ...put, ifMatch: undefined, ifAbsent: false }, signal) as never
  }
}

function suited({ ifMatch, ifAbsent }: Other, { conditionalWrites }: Capabilities): Other {
  if (conditionalWrites === 'none') return { ifMatch: undefined, ifAbsent: false }
  return { ifMatch: ifMatch && conditionalWrites === 'unquoted' ? bare(ifMatch) : ifMatch, ifAbsent: ifAbsent ?? false }
}

/**
 * Looks before the write. Between the two another writer may come: a locker must keep it away (docs/locking.md); what
 * this finds is that somebody else wrote while this writer thought that it had the lock.
 * @throws S3Fault as if S3 had refused
 */
async function mustBe(call: Call, { key, ifMatch, ifAbsent }: PutObject, signal?: AbortSignal): Promise<void> {
  const found = await call('headObject', { key }, signal).catch((error) => {
    if (means(error, 'missing-object')) return undefined
    throw error
  })
  const holds = ifAbsent ? found === undefined : found !== undefined && bare(found.etag) === bare(ifMatch!)
  if (!holds) throw new S3Fault('putObject', 412, 'PreconditionFailed', 'the object is another than expected')
}
