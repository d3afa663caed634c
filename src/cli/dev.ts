/**
 * `holdfast dev`: the whole of it on one machine, without an account anywhere. The S3 store talks to a development
 * bucket in this process, whose data stay in a folder from one start to the next.
 * @module
 */
import { join } from 'node:path'
import { S3Store } from '../s3/index.js'
import { createServer } from '../server.js'
import { type DevelopmentBucket, startBucket } from '../testing/bucket/index.js'
import { PlainError } from './failure.js'
import { bind, createHttpServer, isPortTaken, listen, originOf } from './listen.js'
import { createLog } from './log.js'
import { createPage } from './page.js'
import type { Options } from './read-options.js'
import { createClient } from './s3.js'
import { stopOnSignals } from './stop.js'

const BUCKET = 'uploads'
const BASE_PATH = '/files'

export async function dev(options: Options<'dev'>): Promise<void> {
  const log = createLog({ verbose: options.verbose, level: options.logLevel, format: options.logFormat })
  const page = createPage(`${BASE_PATH}/`)
  const bucket = await openBucket(options)
  const service = createClient({
    endpoint: bucket.endpoint,
    region: bucket.region,
    credentials: bucket.credentials,
    forcePathStyle: true,
  })
  const store = new S3Store({ bucket: BUCKET, service, provider: 'aws', logger: log })
  const holdfast = createServer({ store, basePath: BASE_PATH, logger: log })
  const { server } = createHttpServer({ holdfast, basePath: BASE_PATH, page })
  const port = await listenSomewhere(server, options)
  const after = async (): Promise<void> => {
    service.destroy()
    await bucket.close()
  }
  stopOnSignals({ server, holdfast, log, timeout: 10_000, after })
  if (port !== options.port && options.port !== 0)
    console.log(`Port ${options.port} is taken; this is ${port} instead.`)
  announce(originOf(options.host, port), bucket, options.directory)
}

async function openBucket({ directory, bucketPort }: Options<'dev'>): Promise<DevelopmentBucket> {
  try {
    return await startBucket({ directory: join(directory, 'bucket'), port: bucketPort, buckets: [BUCKET] })
  } catch (error) {
    if (isPortTaken(error))
      throw new PlainError(`Another process listens on port ${bucketPort}; choose another --bucket-port.`)
    throw new PlainError(`The development bucket cannot start in ${directory}: ${(error as Error).message}`)
  }
}

/** At the port that was asked for, or at a free one if it is taken. */
async function listenSomewhere(server: Parameters<typeof bind>[0], { host, port }: Options<'dev'>): Promise<number> {
  try {
    return await bind(server, host, port)
  } catch (error) {
    return listen(server, host, isPortTaken(error) ? 0 : port)
  }
}

function announce(origin: string, bucket: DevelopmentBucket, directory: string): void {
  const { accessKeyId, secretAccessKey } = bucket.credentials
  console.log(`Holdfast is ready: open ${origin}/ and drop a file

  uploads      ${origin}${BASE_PATH}/
  bucket       ${bucket.endpoint}/${BUCKET} (path style, region ${bucket.region})
  credentials  AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}
  data         ${directory}

You can now upload files to: ${origin}${BASE_PATH}/`)
}
