/**
 * Which points are tried: each of them, or every so manieth, for when there is less time than points. Kinds of fault
 * follow one another in the list, so that each of them still comes up.
 * @module
 */

/** @param standard where HOLDFAST_FAULTS_SHARE says nothing */
export function shareOf<T>(points: readonly T[], standard = 1): T[] {
  const share = Number(process.env.HOLDFAST_FAULTS_SHARE || standard)
  if (!Number.isInteger(share) || share < 1) {
    throw new Error(`HOLDFAST_FAULTS_SHARE must be a positive integer, not '${process.env.HOLDFAST_FAULTS_SHARE}'`)
  }
  return points.filter((_, index) => index % share === 0)
}
