/**
 * How long to look, and from which seed. HOLDFAST_FUZZ_MINUTES makes a long run; HOLDFAST_FUZZ_SEED, as a failure prints
 * it, makes the same run again.
 */
import type { Parameters } from 'fast-check'

const { HOLDFAST_FUZZ_MINUTES, HOLDFAST_FUZZ_SEED } = process.env

export const MINUTES = HOLDFAST_FUZZ_MINUTES ? Number(HOLDFAST_FUZZ_MINUTES) : undefined
if (MINUTES !== undefined && !(MINUTES > 0)) throw new Error('HOLDFAST_FUZZ_MINUTES must be a number of minutes')

export const SEED = HOLDFAST_FUZZ_SEED ? Number(HOLDFAST_FUZZ_SEED) : Date.now() & 0x3fffffff

/** @param runs of a short look; a long one ends by its time */
export const parameters = (runs: number): Omit<Parameters<unknown>, 'examples' | 'reporter' | 'asyncReporter'> => ({
  seed: SEED,
  // Making a failure smaller takes long where each try waits for a server.
  endOnFailure: true,
  ...(MINUTES === undefined
    ? { numRuns: runs }
    : { numRuns: 1_000_000_000, interruptAfterTimeLimit: MINUTES * 6_000, markInterruptAsFailure: false }),
})
