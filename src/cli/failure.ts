/**
 * Failures that a sentence explains better than a stack.
 * @module
 */

/** What could not be done, in one sentence for the user. The command exits with 1. */
export class PlainError extends Error {
  override readonly name = 'PlainError'
}

/** The user wrote what cannot be. One sentence that names the option; the command exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
