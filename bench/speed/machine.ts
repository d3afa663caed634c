/**
 * On what a run was made, and with which versions.
 * @module
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { TUSD } from '../../test-peers/tusd.js'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')

export function machine(): Record<string, string> {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: String(cpus().length),
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    'load at the start': loadavg()[0]!.toFixed(1),
    kernel: `${type()} ${release().split('-')[0]}`,
  }
}

export async function versions(): Promise<Record<string, string>> {
  const versionOf = (path: string): string =>
    (JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as { version: string }).version
  const commit = await run('git', ['describe', '--always', '--dirty', '--exclude=*'], { cwd: root }).then(
    ({ stdout }) => ` (${stdout.trim()})`,
    () => '',
  )
  const go = await run('go', ['version']).then(
    ({ stdout }) => stdout.split(' ')[2]?.replace(/^go/, '') ?? 'unknown',
    () => 'none',
  )
  return {
    'Node.js': process.versions.node,
    Holdfast: versionOf('.') + commit,
    '@tus/server': versionOf('node_modules/@tus/server'),
    '@tus/s3-store': versionOf('node_modules/@tus/s3-store'),
    tusd: TUSD[2].version,
    Go: go,
  }
}
