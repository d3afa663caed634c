/**
 * Whether the types of an example hold, as a user's editor looks at them. Next looks by itself when it builds.
 * @module
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Framework } from './frameworks.js'

const TSC = join(import.meta.dirname, '..', 'node_modules', 'typescript', 'bin', 'tsc')
const FLAGS = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'preserve']

export function typesHold(folder: string, { runsOn }: Framework): void {
  const files = sourcesOf(folder)
  assert.notEqual(files.length, 0)
  const [program, ...args] =
    runsOn === 'Deno'
      ? [join(folder, 'node_modules', '.bin', 'deno'), 'check', ...files]
      : [process.execPath, TSC, ...FLAGS, '--types', runsOn?.toLowerCase() ?? 'node', ...files]
  const { status, stdout, stderr } = spawnSync(program!, args, { cwd: folder, encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
}

function sourcesOf(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name)
    if (entry.isDirectory()) return /^(node_modules|\..*)$/.test(entry.name) ? [] : sourcesOf(folder, path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}
