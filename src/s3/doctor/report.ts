/**
 * What the doctor says: findings, one a row, and what follows from them.
 * @module
 */
import type { ProviderFacts } from '../provider/profiles.js'

/** `warning`: the bucket can serve, with what the row says. `failure`: it cannot. `info`: good to know. */
export type Status = 'ok' | 'info' | 'warning' | 'failure' | 'skipped'

export const GROUPS = [
  'Connection',
  'Permissions',
  'Writes',
  'Multipart uploads',
  'Expiry',
  'Speed',
  'Clean-up',
] as const
export type Group = (typeof GROUPS)[number]

export interface Finding {
  group: Group
  /** What was tried. */
  what: string
  status: Status
  /** What was found, in a few words. */
  found: string
  /** What follows from it, if anything. */
  meaning?: string
}

/** Milliseconds. */
export interface Latency {
  p50: number
  p95: number
}

export interface Measures {
  latency?: Partial<Record<'put' | 'get' | 'head' | 'swap', Latency>>
  /** Bytes a second of all parts together. */
  throughput?: number
}

export interface Report {
  bucket: string
  endpoint: string | undefined
  region: string | undefined
  /** As `--s3-provider` has it, and how it was recognised. */
  provider: { id: string; title: string; by: 'option' | 'endpoint' | 'server' | 'nothing' }
  /** Whether the bucket can serve. */
  healthy: boolean
  findings: Finding[]
  /** What the bucket does, as far as it was found out or is documented. */
  facts: Partial<ProviderFacts>
  /** Permissions that are missing, by their IAM names, the necessary ones first. */
  missing: { needed: string[]; useful: string[] }
  /** The options that `holdfast serve` needs besides those that were given. */
  options: Record<string, string>
  measures: Measures
  /** Keys (and multipart uploads) that could not be removed. */
  left: string[]
}
