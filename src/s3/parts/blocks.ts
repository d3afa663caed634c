/**
 * Memory for parts, in blocks that are used again and again: fresh memory for each part would have to be found, cleared and
 * collected by the garbage collector for each part.
 *
 * A block is given back only by who knows that nothing reads it any more (see `MemoryBytes`). Whoever does not know leaves
 * it to the garbage collector.
 * @module
 */
import { freeNow } from '../../store/free.js'

/** Bytes of a block. */
export const BLOCK = 256 * 1024

/** Milliseconds after which blocks that nobody needed are freed. */
const SPARE_TIME = 1_000

const spare: Buffer[] = []
/** The fewest spare blocks since the timer last fired: so many were not needed. */
let unneeded = 0
let timer: NodeJS.Timeout | undefined

export function takeBlock(): Buffer {
  const block = spare.pop()
  unneeded = Math.min(unneeded, spare.length)
  return block ?? Buffer.allocUnsafeSlow(BLOCK)
}

/** @param blocks which nothing reads or writes any more */
export function giveBlocks(blocks: readonly Buffer[]): void {
  spare.push(...blocks)
  if (timer !== undefined || spare.length === 0) return
  timer = setInterval(dropUnneeded, SPARE_TIME)
  timer.unref()
}

function dropUnneeded(): void {
  // Those that were not used for longest.
  for (const block of spare.splice(0, unneeded)) freeNow(block)
  unneeded = spare.length
  if (spare.length > 0) return
  clearInterval(timer)
  timer = undefined
}

/** Bytes of blocks that wait to be used again. */
export const spareBytes = (): number => spare.length * BLOCK
