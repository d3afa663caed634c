/**
 * IDs of new uploads.
 * @module
 */
import { randomHex } from '../store/random.js'

/** 128 random bits in hex. Entropy comes first, since S3 partitions a bucket by prefix. */
export const newId = (): string => randomHex(16)
