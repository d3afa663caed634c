/**
 * IDs of new uploads.
 * @module
 */
import { randomBytes } from 'node:crypto'

/** 128 random bits in hex. Entropy comes first, since S3 partitions a bucket by prefix. */
export const newId = (): string => randomBytes(16).toString('hex')
