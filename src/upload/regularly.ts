/**
 * Work that is done again and again, without keeping the process alive for it.
 * @module
 */

/** Longer timers fire at once. */
const LONGEST = 2 ** 31 - 1

/**
 * The first time comes at random within the interval, and the others with a little chance, so that nodes that were started
 * together do not work together.
 * @param interval milliseconds
 * @param work must not throw
 * @returns what ends it; work under way is not waited for
 */
export function regularly(interval: number, work: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const after = (time: number): void => {
    if (isOver) return
    timer = setTimeout(
      async () => {
        await work()
        after(interval * (0.9 + Math.random() / 5))
      },
      Math.min(LONGEST, time),
    )
    timer.unref()
  }
  after(interval * Math.random())
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}
