/**
 * Each behaviour that the probe of `holdfast/testing` knows, tried on one server: it is as on S3, or known not to be.
 * @module
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BEHAVIOURS, type Behaviour, runProbe } from '../src/testing/probe/index.js'
import { KNOWN, type RunningServer } from './servers/index.js'

/** How fast a server is, and what no server does, is no behaviour to hold it to. */
const TRIED = BEHAVIOURS.filter(({ informational }) => !informational)

export function behaviours(server: RunningServer): void {
  const { differs, wavers = [] } = KNOWN[server.name]
  describe('behaviours of S3', () => {
    for (const behaviour of TRIED) {
      const { id, rule } = behaviour
      if (wavers.includes(id))
        test(`${id}: at one time and not at another: ${rule}`, async () => void (await tryOn(server, behaviour)))
      else if (differs.includes(id)) test(`${id}: not here: ${rule}`, () => mustDiffer(server, behaviour))
      else test(`${id}: ${rule}`, () => mustHold(server, behaviour))
    }

    test('what is known of the server speaks of behaviours that there are', () => {
      const ids = TRIED.map(({ id }) => id)
      assert.deepEqual(
        [...differs, ...wavers].filter((id) => !ids.includes(id)),
        [],
      )
    })
  })
}

async function tryOn(server: RunningServer, { id }: Behaviour) {
  const [row] = await runProbe(server, { only: new RegExp(`^${id}$`) })
  assert.ok(row, id)
  return row
}

async function mustHold(server: RunningServer, behaviour: Behaviour): Promise<void> {
  const { ok, detail } = await tryOn(server, behaviour)
  assert.ok(ok, detail)
}

async function mustDiffer(server: RunningServer, behaviour: Behaviour): Promise<void> {
  const { ok } = await tryOn(server, behaviour)
  assert.ok(!ok, `${server.name} does it now: strike it from what is known to differ (servers/known.ts)`)
}
