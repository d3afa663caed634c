/**
 * An example as a user has it: copied out of the repository, with the packages that its package.json names, and Holdfast as
 * `npm pack` packs it. Packages are installed once, into a cache that later runs use.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from '../test-providers/servers/install.js'

const ROOT = join(import.meta.dirname, '..')
const FOLDER = join(CACHE, 'frameworks')

/** Frameworks tell nobody of these builds; npm tells why it failed. */
export const QUIET = { NEXT_TELEMETRY_DISABLED: '1', ASTRO_TELEMETRY_DISABLED: '1', npm_config_loglevel: 'error' }

/** What a run leaves there for the next one. */
const KEPT = ['node_modules', 'package-lock.json', '.installed']

/** @returns its folder, built where the example has a script for it. @throws Error that says how to get what is missing */
export function install(name: string): string {
  const folder = join(FOLDER, name)
  const source = join(ROOT, 'examples', name)
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(folder)) if (!KEPT.includes(file)) rmSync(join(folder, file), { recursive: true })
  cpSync(source, folder, { recursive: true, filter: (path) => !/\/(node_modules|\.next|\.output|data)$/.test(path) })
  addPackages(name, folder)
  // What is tested is what was built just now.
  const holdfast = join(folder, 'node_modules', 'holdfast')
  rmSync(holdfast, { recursive: true, force: true })
  for (const file of ['dist', 'package.json']) cpSync(join(ROOT, file), join(holdfast, file), { recursive: true })
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  if (scripts.build) run(name, folder, ['run', 'build'])
  return folder
}

interface Manifest {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  optionalDependencies?: Record<string, string>
}

function addPackages(name: string, folder: string): void {
  const path = join(folder, 'package.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest
  const { dependencies, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as Manifest
  const { holdfast: _, ...others } = manifest.dependencies
  const packages = {
    dependencies: { ...dependencies, ...others },
    devDependencies: manifest.devDependencies,
    optionalDependencies,
  }
  const mark = join(folder, '.installed')
  const digest = createHash('sha256').update(JSON.stringify(packages)).digest('hex')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === digest) return
  for (const file of KEPT) rmSync(join(folder, file), { recursive: true, force: true })
  console.error(`installing the packages of examples/${name}: npm install`)
  const original = readFileSync(path)
  writeFileSync(path, JSON.stringify({ ...manifest, ...packages }))
  // Bun and Deno get their programs by install scripts.
  run(name, folder, ['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts=false'])
  writeFileSync(path, original)
  writeFileSync(mark, digest)
}

function run(name: string, folder: string, args: string[]): void {
  const env = {
    ...process.env,
    ...QUIET,
    NODE_ENV: args[0] === 'run' ? 'production' : 'development',
  }
  const { status, error, stderr, stdout } = spawnSync('npm', args, { cwd: folder, env, encoding: 'utf8' })
  if (status === 0) return
  const why = error?.message ?? `${stdout}\n${stderr}`.trim().slice(-3_000)
  throw new Error(
    `examples/${name} is needed for these tests, and "npm ${args.join(' ')}" failed in ${folder}. ` +
      `It needs the npm registry; remove that folder to try again, or name other frameworks in HOLDFAST_FRAMEWORKS. ${why}`,
  )
}
