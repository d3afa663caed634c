/**
 * Hooks of servers under test: one that accepts what is finished, and one that refuses it. What is delivered leaves a file, which
 * outlives the process.
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hooks } from '../../src/upload/hooks.js'
import { Broken, type Client } from './client.js'
import type { Run } from './run.js'
import { sweepAll } from './sweeping.js'

export type HookKind = 'accepts' | 'refuses'

const TOLD = join(tmpdir(), 'holdfast-faults-told')
const fileOf = (deliveryId: string): string => join(TOLD, deliveryId.replace(':', '-'))

/** As test-faults/support/holdfast.mjs has it. */
export function hooksOf(kind: HookKind | undefined): { hooks?: Hooks } {
  if (kind === undefined) return {}
  const onFinish = () => {
    if (kind === 'accepts') return { headers: { 'X-Accepted': 'yes' } }
    throw Object.assign(new Error('It is refused.'), { status: 410 })
  }
  const onFinished: Hooks['onFinished'] = async ({ deliveryId }) => {
    await mkdir(TOLD, { recursive: true })
    await writeFile(fileOf(deliveryId), '')
  }
  return { hooks: { onFinish, onFinished } }
}

/** That it was finished was told, at the latest by the sweep of a node that comes later; and what was answered is told again. */
export async function mustBeTold(run: Run, client: Client): Promise<void> {
  const file = fileOf(`${client.key.slice(run.prefix.length)}:finished`)
  for (let sweeps = 0; sweeps < 5 && !existsSync(file); sweeps++) {
    // It delivers after the sweep, and may die then.
    await sweepAll(run, 'B', { ahead: 60 * 60_000, keepExpired: 24 * 60 * 60_000 })
    for (let tries = 0; tries < 100 && !existsSync(file); tries++) await sleep(20)
  }
  if (!existsSync(file)) throw new Broken('lost', 'nobody was told that the upload is finished')
  await rm(file)
  const headers = { 'Tus-Resumable': '1.0.0' }
  const answer = await fetch(await client.url('B'), { method: 'HEAD', headers }).catch(() => undefined)
  if (answer?.status === 200 && answer.headers.get('X-Accepted') !== 'yes') {
    throw new Broken('lost', 'what the hook said is not told again')
  }
}
