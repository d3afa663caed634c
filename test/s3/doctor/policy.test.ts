import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyFor } from '../../../src/s3/doctor/policy.js'

const resources = (objectPrefix: string, metadataObjectPrefix: string, region?: string): unknown =>
  policyFor({ bucket: 'media', region, objectPrefix, metadataObjectPrefix }).Statement[0]!.Resource

test('the policy reaches the prefixes and nothing else', () => {
  assert.equal(resources('', ''), 'arn:aws:s3:::media/*')
  assert.equal(resources('up/', 'up/'), 'arn:aws:s3:::media/up/*')
  assert.deepEqual(resources('up/', 'meta/'), ['arn:aws:s3:::media/up/*', 'arn:aws:s3:::media/meta/*'])
  assert.equal(resources('up/', 'up/meta/'), 'arn:aws:s3:::media/up/*')
  assert.equal(resources('', 'meta/'), 'arn:aws:s3:::media/*')
})

test('ARNs are those of the partition', () => {
  assert.equal(resources('', '', 'cn-north-1'), 'arn:aws-cn:s3:::media/*')
  assert.equal(resources('', '', 'us-gov-west-1'), 'arn:aws-us-gov:s3:::media/*')
})

test('ListBucket is on the bucket, without a condition', () => {
  const { Statement } = policyFor({
    bucket: 'media',
    region: undefined,
    objectPrefix: 'a/',
    metadataObjectPrefix: 'a/',
  })
  assert.deepEqual(Statement[1], {
    Effect: 'Allow',
    Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
    Resource: 'arn:aws:s3:::media',
  })
})

test('permissions of a KMS key have a statement of their own', () => {
  const more = ['s3:PutObject', 'kms:Decrypt']
  const { Statement } = policyFor({ bucket: 'm', region: undefined, objectPrefix: '', metadataObjectPrefix: '', more })
  assert.deepEqual(Statement[2]!.Action, ['kms:Decrypt'])
})

test('what options need besides is allowed on objects', () => {
  const more = ['s3:PutObject', 's3:PutObjectTagging']
  const { Statement } = policyFor({ bucket: 'm', region: undefined, objectPrefix: '', metadataObjectPrefix: '', more })
  assert.deepEqual(
    (Statement[0]!.Action as string[]).filter((action) => /Tagging|PutObject$/.test(action)),
    ['s3:PutObject', 's3:PutObjectTagging'],
  )
})
