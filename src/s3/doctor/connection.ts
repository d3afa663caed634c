/**
 * The first contact: whether this is S3, whether the bucket and the credentials are good, whose S3 it is, and whether the
 * clocks agree.
 * @module
 */
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { type Profile, profileOf } from '../provider/profiles.js'
import { diagnose, type Refusal, showSkew, type Target } from './diagnose.js'
import type { Report } from './report.js'
import { type Room, refusalOf } from './room.js'

/** From here on a clock is worth a word; at 15 minutes S3 refuses. */
const NOTABLE_SKEW = 60_000

export interface Contact {
  profile: Profile
  provider: Report['provider']
  region: string | undefined
}

/** An answer, whatever it was, and the headers that it came with. */
interface Heard {
  refusal: Refusal | undefined
  headers: Record<string, string | undefined>
  /** Milliseconds by which the server's clock is ahead; undefined if it did not say. */
  skew: number | undefined
}

/** @returns undefined if the bucket cannot be reached, which a finding then explains */
export async function connect(room: Room): Promise<Contact | undefined> {
  const { client, bucket, endpoint, pathStyle } = room.options
  const region = await client.config.region().catch(() => undefined)
  const target: Target = { bucket, endpoint, region, pathStyle }
  const where = endpoint ?? `AWS S3${region ? `, ${region}` : ''}`
  const missing = await missingPrerequisite(client, region)
  const heard = missing ? { refusal: missing, headers: {}, skew: undefined } : await readMissing(room, client)
  const sentence = heard.refusal && diagnose(heard.refusal, target)
  if (sentence) {
    room.find('Connection', 'The bucket', 'failure', where, sentence)
    return undefined
  }
  room.find('Connection', 'The bucket', 'ok', `${bucket} at ${where}`)
  const contact = recognise(room, heard.headers.server)
  if (heard.skew !== undefined) tellSkew(room, heard.skew)
  await otherStyle(room)
  return { ...contact, region }
}

async function missingPrerequisite(client: S3Client, region: string | undefined): Promise<Refusal | undefined> {
  if (region === undefined) return { status: 0, code: 'RegionMissing', message: '' }
  try {
    await client.config.credentials()
    return undefined
  } catch (error) {
    return { status: 0, code: 'CredentialsProviderError', message: String(error) }
  }
}

/** A GET, since the answer to it has a body that says why. */
async function readMissing(room: Room, client: S3Client): Promise<Heard> {
  const command = new GetObjectCommand({ Bucket: room.options.bucket, Key: room.key('missing') })
  const heard: Heard = { refusal: undefined, headers: {}, skew: undefined }
  let status = 0
  command.middlewareStack.add(
    (next) => async (args) => {
      const sent = Date.now()
      const result = await next(args)
      const response = result.response as { statusCode: number; headers: Record<string, string> }
      const date = Date.parse(response.headers.date ?? '')
      status = response.statusCode
      heard.headers = response.headers
      // Date has whole seconds, so it is half a second behind on average.
      if (Number.isFinite(date)) heard.skew = date + 500 - (sent + Date.now()) / 2
      return result
    },
    { step: 'deserialize', priority: 'low' },
  )
  try {
    await client.send(command, { abortSignal: AbortSignal.timeout(room.options.requestTimeout) })
    // Nobody has written such a key.
    heard.refusal = { status, code: 'NotS3', message: '' }
  } catch (error) {
    heard.refusal = withCode(refusalOf(error), status, heard)
  }
  return heard
}

/** What the SDK could not read was not written by an S3. */
function withCode(refusal: Refusal, status: number, { headers, skew }: Heard): Refusal {
  if (status === 0) return refusal
  const isUnread = /^(?:SyntaxError|Error|UnknownError|Unknown|NotFound|\d*)$/.test(refusal.code)
  const region = headers['x-amz-bucket-region']
  const isRedirect = status >= 300 && status < 400
  const code = isUnread ? (isRedirect && region ? 'PermanentRedirect' : 'NotS3') : refusal.code
  return { ...refusal, status, code, region, skew }
}

function recognise(room: Room, server: string | undefined): Pick<Contact, 'profile' | 'provider'> {
  const { provider, endpoint } = room.options
  const byOptions = profileOf({ provider, endpoint })
  const profile = profileOf({ provider, endpoint, server })
  const by = provider ? 'option' : byOptions.id !== 'other' ? 'endpoint' : profile.id !== 'other' ? 'server' : 'nothing'
  const told = { option: 'as --s3-provider says', endpoint: 'by the endpoint', server: 'by its own word', nothing: '' }[
    by
  ]
  const found =
    by === 'nothing' ? `an S3-compatible service${server ? ` (${server})` : ''}` : `${profile.title}, ${told}`
  room.find('Connection', 'The provider', profile.note ? 'info' : 'ok', found, profile.note)
  return { profile, provider: { id: profile.id, title: profile.title, by } }
}

function tellSkew(room: Room, skew: number): void {
  const isNotable = Math.abs(skew) > NOTABLE_SKEW
  const found = `${showSkew(skew)} ${skew > 0 ? 'behind' : 'ahead of'} S3's`
  if (!isNotable) room.find('Connection', 'The clock', 'ok', "as S3's")
  else room.find('Connection', 'The clock', 'warning', found, 'S3 refuses requests at 15 minutes: set the clock (NTP).')
}

/** Whether the bucket can be named in the path and in the host, so that whoever must choose can. */
async function otherStyle(room: Room): Promise<void> {
  const { twin, pathStyle, bucket, requestTimeout } = room.options
  const style = pathStyle ? 'path style' : 'virtual-host style'
  if (twin === undefined) return room.find('Connection', 'The address', 'ok', style)
  const request = new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1, Prefix: room.key('missing') })
  const works = await twin
    .send(request, { abortSignal: AbortSignal.timeout(Math.min(5_000, requestTimeout)) })
    .then(() => true)
    .catch((error) => refusalOf(error).code === 'AccessDenied')
  const other = pathStyle ? 'virtual-host style' : 'path style'
  room.find('Connection', 'The address', 'ok', `${style}; ${other} ${works ? 'works, too' : 'does not work'}`)
}
