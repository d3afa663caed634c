import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROVIDERS, profileOf } from '../../../src/s3/provider/profiles.js'

const BY_ENDPOINT: readonly [endpoint: string | undefined, id: string][] = [
  [undefined, 'aws'],
  ['https://s3.eu-central-1.amazonaws.com', 'aws'],
  ['https://s3.dualstack.us-west-2.amazonaws.com/', 'aws'],
  ['https://s3.cn-north-1.amazonaws.com.cn', 'aws'],
  ['https://0123456789abcdef.r2.cloudflarestorage.com', 'r2'],
  ['https://0123456789abcdef.eu.r2.cloudflarestorage.com', 'r2'],
  ['https://s3.us-west-004.backblazeb2.com', 'b2'],
  ['https://storage.googleapis.com', 'gcs'],
  ['https://fra1.digitaloceanspaces.com', 'digitalocean'],
  ['https://fsn1.your-objectstorage.com', 'hetzner'],
  ['https://s3.eu-central-2.wasabisys.com', 'wasabi'],
  ['https://s3.fr-par.scw.cloud', 'scaleway'],
  ['https://s3.gra.io.cloud.ovh.net', 'ovh'],
  ['https://s3.us-east-va.io.cloud.ovh.us', 'ovh'],
  ['https://mine.compat.objectstorage.eu-frankfurt-1.oraclecloud.com', 'oracle'],
  ['https://s3.eu-de.cloud-object-storage.appdomain.cloud', 'ibm'],
  ['https://fly.storage.tigris.dev', 'tigris'],
  ['https://t3.storage.dev', 'tigris'],
  ['https://cwobject.com', 'coreweave'],
  ['https://gateway.storjshare.io', 'storj'],
  ['https://gateway.eu1.storjshare.io', 'storj'],
  ['https://s3.eu-paris-1.megas4.com', 'mega'],
  ['https://s3.oss-cn-hangzhou.aliyuncs.com', 'alibaba'],
  ['https://cos.ap-shanghai.myqcloud.com', 'tencent'],
  ['https://abcdefgh.supabase.co/storage/v1/s3', 'supabase'],
  ['https://abcdefgh.storage.supabase.co/storage/v1/s3', 'supabase'],
  ['http://127.0.0.1:9000', 'other'],
  ['https://minio.example', 'other'],
  // A name within another name is not that provider.
  ['https://notamazonaws.com', 'other'],
  ['https://amazonaws.com.example', 'other'],
  ['not a URL', 'other'],
]

for (const [endpoint, id] of BY_ENDPOINT) {
  test(`${endpoint ?? 'no endpoint'} is ${id}`, () => assert.equal(profileOf({ endpoint }).id, id))
}

test('a provider that is named goes before the endpoint, and an unknown name knows nothing', () => {
  assert.equal(profileOf({ provider: 'garage', endpoint: 'https://storage.googleapis.com' }).id, 'garage')
  assert.equal(profileOf({ provider: 'nobody' }).id, 'other')
  assert.deepEqual(profileOf({ provider: 'other' }).facts, {})
})

test('where the endpoint says nothing, the Server header does', () => {
  const endpoint = 'http://127.0.0.1:9000'
  assert.equal(profileOf({ endpoint, server: 'MinIO' }).id, 'minio')
  assert.equal(profileOf({ endpoint, server: 'Ceph Object Gateway (pacific)' }).id, 'ceph')
  assert.equal(profileOf({ endpoint, server: 'VERSITYGW' }).id, 'versitygw')
  assert.equal(profileOf({ endpoint, server: 'SeaweedFS 4.41' }).id, 'seaweedfs')
  assert.equal(profileOf({ endpoint, server: 'nginx' }).id, 'other')
  // What rclone says of itself: nothing that is known of AWS may be believed of it.
  assert.equal(profileOf({ endpoint, server: 'AmazonS3' }).id, 'other')
  assert.equal(profileOf({ endpoint: 'https://storage.googleapis.com', server: 'MinIO' }).id, 'gcs')
})

test('every name can be chosen, once', () => {
  assert.equal(new Set(PROVIDERS).size, PROVIDERS.length)
  for (const provider of PROVIDERS) assert.equal(profileOf({ provider }).id, provider)
})

test('documented limits are known; what is only reported is left to the probe', () => {
  const facts = (provider: string) => profileOf({ provider }).facts
  const MiB = 1024 * 1024
  assert.equal(facts('scaleway').maxMultipartParts, 1_000)
  assert.equal(facts('r2').maxPartSize, 5 * 1024 * MiB - 5 * MiB)
  assert.equal(facts('r2').multipartExpiry, 7 * 24 * 3_600_000)
  assert.equal(facts('minio').multipartExpiry, 24 * 3_600_000)
  assert.equal(facts('r2').writeInterval, 1_000)
  assert.equal(facts('gcs').writeInterval, 1_000)
  for (const provider of ['gcs', 'b2', 'minio', 'ceph', 'digitalocean', 'garage', 'ovh', 'other']) {
    assert.ok(!('conditionalWrites' in facts(provider)), provider)
  }
})

test('the facts of a row do not contradict each other', () => {
  for (const provider of PROVIDERS) {
    const { maxPartSize = 5 * 1024 ** 3, maxMultipartParts = 10_000, maxObjectSize } = profileOf({ provider }).facts
    if (maxObjectSize !== undefined) assert.ok(maxObjectSize <= maxPartSize * maxMultipartParts, provider)
    // The default of maxObjectSize, 5 TiB, must then be replaced.
    else assert.ok(5 * 1024 ** 4 <= maxPartSize * maxMultipartParts, provider)
  }
})
