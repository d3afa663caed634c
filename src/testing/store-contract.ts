/**
 * The suite that every store must pass: what src/store/store.ts promises, as rows for node:test. Each row is one rule
 * and works on uploads of its own. "A fresh store" is a new one over the same data: what a restarted process sees.
 *
 * ```ts
 * import { storeContract } from 'holdfast/testing'
 *
 * storeContract('MyStore', { open: async () => new MyStore({ … }) })
 * ```
 * @module
 */
import { after, describe, test } from 'node:test'
import { APPENDING, ofSize } from './contract/appending.js'
import { Bench, type Row, type StoreHarness } from './contract/bench.js'
import { JOINING } from './contract/concat.js'
import { CREATION } from './contract/creation.js'
import { EXPIRING } from './contract/expiring.js'
import { FINISHING } from './contract/finishing.js'
import { GATING } from './contract/gating.js'
import { LENGTHS } from './contract/lengths.js'
import { NOTING } from './contract/noting.js'
import { RACING } from './contract/racing.js'
import { VERIFYING } from './contract/verifying.js'

export type { StoreHarness } from './contract/bench.js'

/** How long one row may take, in milliseconds. */
const ROW_TIMEOUT = 120_000

/** Registers one test per rule. Rules about what a store cannot do (by its `abilities`) are skipped. */
export function storeContract(name: string, harness: StoreHarness): void {
  const sizes = (harness.interestingSizes ?? []).map(
    (size): Row => [`an upload of ${size} bytes`, (bench) => ofSize(bench, size)],
  )
  describe(`${name} keeps the contract of stores`, () => {
    const ending = [...VERIFYING, ...FINISHING, ...GATING, ...RACING, ...JOINING, ...EXPIRING, ...NOTING]
    const rows = [...CREATION, ...APPENDING, ...sizes, ...LENGTHS, ...ending]
    for (const row of rows) register(harness, row)
    after(() => harness.cleanup?.())
  })
}

function register(harness: StoreHarness, [rule, run, needs]: Row): void {
  const todo = harness.exceptions?.find((exception) => exception.rule.test(rule))?.why
  test(rule, { timeout: ROW_TIMEOUT, ...(todo ? { todo } : {}) }, async (context) => {
    const bench = new Bench(harness, context)
    try {
      if (needs && !(await bench.store()).abilities[needs]) bench.skip(`the store cannot ${needs}`)
      else await run(bench)
    } finally {
      await bench.close()
    }
  })
}
