/**
 * The function behind each operation.
 * @module
 */
import * as acl from './acl.js'
import * as buckets from './buckets.js'
import type { Operation } from './call.js'
import * as deletion from './deletion.js'
import * as lifecycle from './lifecycle.js'
import * as listing from './listing.js'
import * as multipart from './multipart.js'
import * as objects from './objects.js'
import type { OperationName } from './route.js'
import * as tagging from './tagging.js'

export const HANDLERS: Record<OperationName, Operation> = {
  ListBuckets: buckets.listBuckets,
  CreateBucket: buckets.createBucket,
  DeleteBucket: buckets.deleteBucket,
  HeadBucket: buckets.headBucket,
  GetBucketLocation: buckets.getBucketLocation,
  GetBucketVersioning: buckets.getBucketVersioning,
  GetBucketLifecycleConfiguration: lifecycle.getBucketLifecycle,
  PutBucketLifecycleConfiguration: lifecycle.putBucketLifecycle,
  DeleteBucketLifecycle: lifecycle.deleteBucketLifecycle,
  ListObjects: listing.listObjects,
  ListObjectsV2: listing.listObjectsV2,
  ListMultipartUploads: listing.listMultipartUploads,
  PutObject: objects.putObject,
  CopyObject: objects.copyObject,
  GetObject: objects.getObject,
  HeadObject: objects.headObject,
  DeleteObject: deletion.deleteObject,
  DeleteObjects: deletion.deleteObjects,
  GetObjectAcl: acl.getObjectAcl,
  GetObjectTagging: tagging.getObjectTagging,
  PutObjectTagging: tagging.putObjectTagging,
  DeleteObjectTagging: tagging.deleteObjectTagging,
  CreateMultipartUpload: multipart.createMultipartUpload,
  UploadPart: multipart.uploadPart,
  UploadPartCopy: multipart.uploadPartCopy,
  CompleteMultipartUpload: multipart.completeMultipartUpload,
  AbortMultipartUpload: multipart.abortMultipartUpload,
  ListParts: listing.listParts,
}
