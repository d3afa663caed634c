/**
 * What a store must know of its provider before it writes: from the options, then from the provider's profile, then by
 * the probe. Fills in what was left open, and tells the operator what differs from AWS.
 * @module
 */
import type { S3Client } from '@aws-sdk/client-s3'
import { UploadError } from '../../errors.js'
import { randomHex } from '../../store/random.js'
import type { Call } from '../call/call.js'
import { asStoreFailure, means } from '../call/faults.js'
import { isSdkClient } from '../call/sdk.js'
import type { S3Context } from '../context.js'
import type { S3StoreOptions } from '../options.js'
import { AWS_CAPABILITIES, type Capabilities } from './capabilities.js'
import { probeProvider } from './probe.js'
import { type Profile, profileOf, UNKNOWN_PROFILE } from './profiles.js'

/** What the probe finds out. */
const ASKED = ['conditionalWrites', 'checksums', 'missingKey', 'fullObjectChecksums'] as const

const LIMITS = ['minPartSize', 'maxPartSize', 'maxMultipartParts', 'maxObjectSize'] as const

/** Milliseconds for a look at how the server calls itself. */
const SERVER_TIMEOUT = 2_000

/**
 * @param plain without retries, and without wrappers that hide what the provider does
 * @param given the options as the user wrote them
 * @throws UploadError ERR_STORE_REFUSED · ERR_STORE_UNAVAILABLE: not found out, ask again later
 */
export async function learn(context: S3Context, plain: Call, given: S3StoreOptions): Promise<void> {
  const { provider, prefixes, logger } = context
  const { profile, known } = await lookUp(context, given)
  // A checksum of the whole can only be made where each part has one.
  const hasChecksums = known.checksums !== false && !given.disableContentHashes && isSdkClient(given.service)
  if (!hasChecksums) known.fullObjectChecksums = 'none'
  provider.fullObjectChecksums = known.fullObjectChecksums ?? 'none'
  const isKnown = ASKED.every((name) => known[name] !== undefined)
  if (isKnown) return
  const { found, notes } = await probeProvider(plain, { prefix: prefixes.metadataObjectPrefix, known }).catch(
    (error) => {
      throw asStoreFailure(error)
    },
  )
  for (const note of notes) logger.warn({ provider: profile.title, note }, 'the bucket differs from AWS S3')
  if ({ ...known, ...found }.conditionalWrites === undefined) {
    const message = 'The bucket refuses what it is asked at start; the operator finds the cause with `holdfast doctor`.'
    throw new UploadError('ERR_STORE_REFUSED', { message, cause: new Error(notes.join('; ')) })
  }
  Object.assign(provider, found)
}

/**
 * What whoever only reads must know: found out without writing anything.
 * @throws UploadError ERR_STORE_UNAVAILABLE
 */
export async function learnToRead(context: S3Context, given: S3StoreOptions): Promise<void> {
  const { known } = await lookUp(context, given)
  if (known.missingKey !== undefined) return
  const missing = `${context.prefixes.metadataObjectPrefix}.holdfast-missing-${randomHex(8)}`
  const answer = await context.call('getObject', { key: missing }).catch((error: unknown) => error)
  if (means(answer, 'denied')) context.provider.missingKey = 'denied'
  else if (!means(answer, 'missing-object')) throw asStoreFailure(answer)
}

/** What options and the provider's profile say. */
async function lookUp(
  context: S3Context,
  given: S3StoreOptions,
): Promise<{ profile: Profile; known: Partial<Capabilities> }> {
  const profile = await recognise(given)
  limitBy(profile, context, given)
  const known = { ...capabilitiesOf(profile), ...given.capabilities }
  Object.assign(context.provider, known)
  return { profile, known }
}

/** Whose service it is: as the options say, by the host of the endpoint, or by how the server calls itself. */
async function recognise({ provider, service }: S3StoreOptions): Promise<Profile> {
  if (provider !== undefined || !isSdkClient(service)) return profileOf({ provider: provider ?? 'other' })
  const endpoint = await endpointOf(service)
  const profile = profileOf({ endpoint })
  return profile === UNKNOWN_PROFILE ? profileOf({ endpoint, server: await serverOf(endpoint!) }) : profile
}

async function endpointOf({ config }: S3Client): Promise<string | undefined> {
  if (!config.endpoint) return undefined
  const { protocol, hostname, port, path } = await config.endpoint()
  return `${protocol}//${hostname}${port ? `:${port}` : ''}${path}`
}

async function serverOf(endpoint: string): Promise<string | undefined> {
  const signal = AbortSignal.timeout(SERVER_TIMEOUT)
  // Unsigned: what it answers does not matter, only its header.
  const answer = await fetch(endpoint, { method: 'HEAD', redirect: 'manual', signal }).catch(() => undefined)
  return answer?.headers.get('server') ?? undefined
}

/** What the user wrote stays. */
function limitBy({ facts }: Profile, { limits }: S3Context, given: S3StoreOptions): void {
  for (const name of LIMITS) {
    const fact = facts[name]
    if (given[name] === undefined && fact !== undefined) limits[name] = fact
  }
  limits.maxObjectSize = Math.min(limits.maxObjectSize, limits.maxPartSize * limits.maxMultipartParts)
}

function capabilitiesOf({ facts }: Profile): Partial<Capabilities> {
  const names = Object.keys(AWS_CAPABILITIES) as (keyof Capabilities)[]
  return Object.fromEntries(names.flatMap((name) => (name in facts ? [[name, facts[name]]] : [])))
}
