/**
 * Credentials with fewer rights than those of the owner: of another user whom the policy of the bucket names, or of a
 * session with a policy of its own (STS).
 * @module
 */
import { createHash, createHmac } from 'node:crypto'
import { PutBucketPolicyCommand, type S3Client } from '@aws-sdk/client-s3'
import type { Keys } from './catalogue.js'

export interface Policy {
  readonly Version: string
  readonly Statement: readonly {
    readonly Effect: string
    readonly Action: readonly string[]
    readonly Resource: readonly string[]
  }[]
}

/** @returns credentials that may do what the policy allows, and no more */
export type Limited = (policy: Policy) => Promise<Keys & { sessionToken?: string }>

/** Lets another user into the bucket, as far as the policy goes. */
export async function byBucketPolicy(client: S3Client, bucket: string, user: string, policy: Policy): Promise<void> {
  const Statement = policy.Statement.map((statement) => ({ ...statement, Principal: { AWS: [user] } }))
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ ...policy, Statement }) }))
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** AssumeRole, as MinIO has it: a session of the same user, with a policy. */
export async function bySession(endpoint: string, keys: Keys, policy: Policy) {
  const body = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    DurationSeconds: '3600',
    Policy: JSON.stringify(policy),
  }).toString()
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = [date.slice(0, 8), 'us-east-1', 'sts', 'aws4_request']
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    host: new URL(endpoint).host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': date,
  }
  const names = Object.keys(headers).sort()
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('')
  const canonical = ['POST', '/', '', lines, names.join(';'), sha256(body)].join('\n')
  const key = scope.reduce<string | Buffer>((from, part) => hmac(from, part), `AWS4${keys.secretAccessKey}`)
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n')).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  const answer = await fetch(endpoint, { method: 'POST', headers: { ...headers, authorization }, body })
  const text = await answer.text()
  const field = (name: string): string => {
    const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]
    if (!found) throw new Error(`AssumeRole: ${answer.status} ${text}`)
    return found
  }
  return {
    accessKeyId: field('AccessKeyId'),
    secretAccessKey: field('SecretAccessKey'),
    sessionToken: field('SessionToken'),
  }
}
