/**
 * From what was found to what the operator does: whether the bucket can serve, and with which options. Pure.
 * @module
 */
import type { Profile, ProviderFacts } from '../provider/profiles.js'
import type { Finding } from './report.js'

export const isHealthy = (findings: readonly Finding[]): boolean => findings.every(({ status }) => status !== 'failure')

export interface AdviceInput {
  facts: Partial<ProviderFacts>
  profile: Profile
  /** What the server's own probe finds, where a race found more. */
  probed: ProviderFacts['conditionalWrites'] | undefined
}

/** What the server does not find out by itself at its start. By flag, without dashes. */
export function optionsFor({ facts, profile, probed }: AdviceInput): Record<string, string> {
  const options: Record<string, string> = {}
  const { maxMultipartParts } = facts
  const isLess = maxMultipartParts !== undefined && maxMultipartParts < 10_000
  if (isLess && profile.facts.maxMultipartParts !== maxMultipartParts) {
    options['s3-max-multipart-parts'] = String(maxMultipartParts)
  }
  const isMisled = facts.conditionalWrites === 'none' && probed !== 'none' && profile.facts.conditionalWrites !== 'none'
  if (isMisled) options['s3-conditional-writes'] = 'none'
  return options
}
