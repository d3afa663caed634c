/** Encryption at MinIO, which takes a customer's key over TLS alone, and the others with a KMS of its own. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CreateBucketCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type Encryption, S3Store } from '../src/s3/index.js'
import { bodyOf } from '../src/testing/index.js'
import { sha256, someBytes } from '../test/support/bucket.js'
import { makeCertificate } from '../test/support/certificate.js'
import { PART } from './bench.js'
import { chosenServers, SERVERS } from './servers/index.js'
import { install } from './servers/install.js'
import { freePorts, openWorkspace, type Workspace } from './servers/process.js'

const CREDENTIALS = { accessKeyId: 'holdfastholdfast', secretAccessKey: 'holdfast-holdfast-holdfast' }
const Bucket = 'uploads'

describe('encryption at MinIO', { skip: !chosenServers().includes('minio') }, () => {
  let workspace: Workspace
  let client: S3Client
  const stores: S3Store[] = []
  before(async () => {
    // Its certificate is made here and known to nobody; read when a connection is made.
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    const { version, source } = SERVERS.minio
    const program = install(`minio-${version}`, source)
    workspace = await openWorkspace('minio-encryption')
    const certificates = join(workspace.folder, 'certificates')
    const { cert, key } = makeCertificate('minio')
    await mkdir(certificates)
    await writeFile(join(certificates, 'public.crt'), cert)
    await writeFile(join(certificates, 'private.key'), key)
    const [port] = (await freePorts(1)) as [number]
    const data = join(workspace.folder, 'data')
    workspace.start({
      program,
      args: ['server', '--address', `127.0.0.1:${port}`, '--certs-dir', certificates, data],
      env: {
        MINIO_ROOT_USER: CREDENTIALS.accessKeyId,
        MINIO_ROOT_PASSWORD: CREDENTIALS.secretAccessKey,
        MINIO_KMS_SECRET_KEY: `uploads:${randomBytes(32).toString('base64')}`,
      },
    })
    const endpoint = `https://127.0.0.1:${port}`
    await workspace.until(async () => (await fetch(`${endpoint}/minio/health/ready`)).ok)
    client = new S3Client({ endpoint, region: 'us-east-1', credentials: CREDENTIALS, forcePathStyle: true })
    await client.send(new CreateBucketCommand({ Bucket }))
  })
  after(async () => {
    for (const store of stores) await store.close()
    client?.destroy()
    await workspace?.close()
  })
  const start = (encryption: Encryption | undefined): S3Store => {
    const store = new S3Store({ bucket: Bucket, service: client, preferredPartSize: PART, encryption })
    stores.push(store)
    return store
  }
  const read = async (content: AsyncIterable<Uint8Array>): Promise<string> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of content) chunks.push(chunk)
    return sha256(Buffer.concat(chunks))
  }
  const head = (Key: string) => client.send(new HeadObjectCommand({ Bucket, Key }))

  const customer: Encryption = { type: 'customer', key: randomBytes(32) }
  for (const encryption of [{ type: 'AES256' }, { type: 'aws:kms', keyId: 'uploads' }, customer] as Encryption[]) {
    const { type } = encryption
    const id = (name: string): string => `${type.replace(':', '-')}-${name}`

    test(`${type}: uploads small and large, their tails, a join, a copy in parts and a termination`, async () => {
      const files = [someBytes(1000), someBytes(2 * PART + 1000)]
      const ids = [id('small'), id('large')]
      for (const [at, file] of files.entries()) {
        const created = { id: ids[at]!, length: file.length, metadata: {}, metadataField: undefined }
        await start(encryption).create({ ...created, concat: { kind: 'partial' } })
        for (const [from, to] of [
          [0, Math.floor(file.length / 3)],
          [Math.floor(file.length / 3), file.length],
        ] as const) {
          const handle = await start(encryption).open(ids[at]!)
          await handle.append(from, bodyOf([file.subarray(from, to)]))
        }
        const done = await start(encryption).open(ids[at]!)
        assert.equal(await read(await done.read()), sha256(file))
      }
      const store = start(encryption)
      const partials = await Promise.all(ids.map((one) => store.open(one)))
      const concat = { kind: 'final', partials: ids, field: undefined } as const
      const final = await store.create({
        id: id('final'),
        length: undefined,
        metadata: {},
        metadataField: undefined,
        concat,
      })
      await final.concat(partials.map(({ info }) => info))
      assert.equal(await read(await final.read()), sha256(Buffer.concat(files)))
      await store.copyObject(id('final'), { key: id('copy'), multipartFrom: PART })
      await (await store.open(ids[1]!)).terminate()
      for (const name of ['small', 'small.info', 'final', 'copy']) {
        if (type === 'customer') await assert.rejects(head(id(name)), name)
        else assert.equal((await head(id(name))).ServerSideEncryption, type, name)
      }
    })
  }

  test("a store without the customer's key, or with another, reads nothing of it", async () => {
    for (const encryption of [undefined, { type: 'customer', key: randomBytes(32) } as const]) {
      await assert.rejects(start(encryption).open('customer-small'))
    }
  })
})
