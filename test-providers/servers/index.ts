/**
 * Starts one of the servers of the catalogue, with a bucket to test in.
 * @module
 */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { ProbeTarget } from '../../src/testing/index.js'
import { type Keys, SERVER_NAMES, SERVERS, type Server, type ServerName } from './catalogue.js'
import { install } from './install.js'
import { byBucketPolicy, type Limited } from './limited.js'
import { openWorkspace } from './process.js'

export { SERVER_NAMES, SERVERS, type Server, type ServerName } from './catalogue.js'
export { type DoctorSays, KNOWN } from './known.js'

const BUCKET = 'uploads'
const CREDENTIALS: Keys = { accessKeyId: 'holdfastholdfast', secretAccessKey: 'holdfast-holdfast-holdfast' }

export interface RunningServer extends Required<ProbeTarget> {
  readonly name: ServerName
  /** Credentials with fewer rights, where the server has such. */
  readonly limited: Limited | undefined
  /** A new client, without retries of its own: the store has them. */
  client(): S3Client
  stop(): Promise<void>
}

/** @throws Error that says what is missing and how to get it */
export async function startServer(name: ServerName): Promise<RunningServer> {
  const server: Server = SERVERS[name]
  const program = install(`${name}-${server.version}`, server.source)
  const workspace = await openWorkspace(name)
  try {
    const {
      endpoint,
      credentials = CREDENTIALS,
      guest,
      session,
    } = await server.start({
      program,
      workspace,
      credentials: CREDENTIALS,
    })
    const target = { endpoint, credentials, region: server.region ?? 'us-east-1', bucket: BUCKET, forcePathStyle: true }
    const client = () => clientFor(target)
    await createBucket(client())
    const ofGuest: Limited | undefined =
      guest &&
      (async (policy) => {
        const owner = client()
        await byBucketPolicy(owner, BUCKET, guest.principal, policy).finally(() => owner.destroy())
        return guest.credentials
      })
    return { ...target, name, client, limited: session ?? ofGuest, stop: () => workspace.close() }
  } catch (error) {
    await workspace.close()
    throw error
  }
}

function clientFor({ endpoint, credentials, region, forcePathStyle }: Required<ProbeTarget>): S3Client {
  return new S3Client({
    endpoint,
    credentials,
    region,
    forcePathStyle,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/** A server that answers may still take a moment before it can write. */
async function createBucket(client: S3Client): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
      return client.destroy()
    } catch (error) {
      if (tries === 20) throw error
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
}

/** HOLDFAST_PROVIDERS, a list with commas; all if it is not set. @throws Error naming what is unknown */
export function chosenServers(list = process.env.HOLDFAST_PROVIDERS): ServerName[] {
  if (!list) return SERVER_NAMES
  return list.split(',').map((name) => {
    if (!(SERVER_NAMES as string[]).includes(name)) {
      throw new Error(`HOLDFAST_PROVIDERS: ${name} is none of ${SERVER_NAMES.join(', ')}`)
    }
    return name as ServerName
  })
}
