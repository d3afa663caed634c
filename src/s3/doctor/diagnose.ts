/**
 * Why a bucket cannot be reached at all, in one sentence that says what to do. Pure.
 * @module
 */

/** An answer that is no success, or no answer at all. */
export interface Refusal {
  /** HTTP status; 0 if there was no answer. */
  readonly status: number
  /** S3's code, or node's, or the SDK's name for it. */
  readonly code: string
  readonly message: string
  /** `x-amz-bucket-region`, where S3 says it. */
  readonly region?: string | undefined
  /** Milliseconds by which the server's clock is ahead, where its answer says it. */
  readonly skew?: number | undefined
}

export interface Target {
  readonly bucket: string
  readonly endpoint: string | undefined
  readonly region: string | undefined
  readonly pathStyle: boolean
}

type Sentence = (refusal: Refusal, target: Target) => string

const whereOf = ({ endpoint }: Target): string => endpoint ?? 'AWS S3'

const noHost: Sentence = (_, target) =>
  `The name of the host has no address: check the endpoint (${whereOf(target)})` +
  `${target.pathStyle ? '' : ', or try --s3-path-style'}.`

const noAnswer: Sentence = ({ code }, target) =>
  `${whereOf(target)} does not answer (${code}): check the endpoint, and what stands between, such as a firewall.`

const badCertificate: Sentence = ({ code }, target) =>
  `The certificate of ${whereOf(target)} is not to be trusted (${code}): mend it, or give Node its issuer in NODE_EXTRA_CA_CERTS.`

const cutOff: Sentence = ({ code }, target) =>
  `${whereOf(target)} cut the connection (${code}): does it speak ${target.endpoint?.startsWith('http:') ? 'https' : 'TLS'} there?`

const expired: Sentence = () => 'The session token of the credentials has expired: get a new one.'

const otherRegion: Sentence = ({ region, message }, target) => {
  const right = region ?? /expecting '([^']+)'/.exec(message)?.[1]
  const wrong = target.region ? `, not in ${target.region}` : ''
  if (right) return `The bucket ${target.bucket} is in the region ${right}${wrong}: give --s3-region ${right}.`
  return `The region ${target.region ?? ''} is not the one of the bucket ${target.bucket}: give the right --s3-region.`
}

const BY_CODE: Readonly<Record<string, Sentence>> = {
  CredentialsProviderError: () =>
    'No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give a profile or a role.',
  RegionMissing: () => 'No region is set: give --s3-region, or set AWS_REGION.',
  ENOTFOUND: noHost,
  EAI_AGAIN: noHost,
  ECONNREFUSED: (_, target) => `Nothing listens at ${whereOf(target)}: check the endpoint and its port.`,
  ETIMEDOUT: noAnswer,
  TimeoutError: noAnswer,
  EHOSTUNREACH: noAnswer,
  ENETUNREACH: noAnswer,
  EPROTO: (_, target) => `${whereOf(target)} does not speak TLS there: is its URL one with http://?`,
  ECONNRESET: cutOff,
  HPE_INVALID_CONSTANT: cutOff,
  NotS3: ({ status }, target) =>
    `${whereOf(target)} answers ${status}, but not as S3 does: check the endpoint, its port and its path.`,
  NoSuchBucket: (_, target) =>
    `There is no bucket ${target.bucket} at ${whereOf(target)}: create it, or check the name` +
    `${target.pathStyle ? '' : ', or try --s3-path-style'}.`,
  InvalidBucketName: (_, { bucket }) => `${bucket} is no name that a bucket can have.`,
  InvalidAccessKeyId: (_, target) => `${whereOf(target)} does not know the access key: check AWS_ACCESS_KEY_ID.`,
  SignatureDoesNotMatch: () =>
    'The secret does not belong to the access key: check AWS_SECRET_ACCESS_KEY, such as for a blank at its end.',
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  InvalidToken: () => 'The session token is not one of these credentials: check AWS_SESSION_TOKEN.',
  RequestTimeTooSkewed: ({ skew }) =>
    `The clock of this machine is ${skew ? `${showSkew(skew)} ` : ''}wrong: S3 takes 15 minutes at most; set the clock (NTP).`,
  PermanentRedirect: otherRegion,
  TemporaryRedirect: otherRegion,
  AuthorizationHeaderMalformed: otherRegion,
  IllegalLocationConstraintException: otherRegion,
}

const TLS = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ERR_TLS/

/** The sentence, or undefined where the refusal says that the bucket is there. */
export function diagnose(refusal: Refusal, target: Target): string | undefined {
  const { status, code, message, region } = refusal
  if (code === 'NoSuchKey' || code === 'AccessDenied') return undefined
  const sentence = BY_CODE[code]
  if (sentence) return sentence(refusal, target)
  if (TLS.test(code)) return badCertificate(refusal, target)
  if (status === 0) return noAnswer({ ...refusal, code: code || message }, target)
  if (region !== undefined && region !== target.region && status >= 300 && status <= 400)
    return otherRegion(refusal, target)
  if (status >= 500 || status === 429) return `${whereOf(target)} answers ${status} ${code}: try again when it works.`
  return `${whereOf(target)} refuses the first request: ${[status, code, message].filter(Boolean).join(' ')}.`
}

/** How wrong a clock is, in the largest unit that says it. */
export function showSkew(milliseconds: number): string {
  const seconds = Math.round(Math.abs(milliseconds) / 1_000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}
