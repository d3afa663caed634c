// Runs the tests of the adapters and of the protocols under other versions of Node, which are installed from npm (package
// `node`) where they are missing. `npm run test:nodes -- 24 26` for some of them.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const VERSIONS = ['22', '24', '26']
const TESTS = [
  'test/http',
  'test/cli/http2.test.ts',
  'test/e2e/checksum-trailer.test.ts',
  'test/e2e/interim.test.ts',
  'test/e2e/protocol.test.ts',
]

const root = join(import.meta.dirname, '..')
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast')

/** @returns the path of the program */
function install(version) {
  const folder = join(cache, `node-${version}`)
  const program = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  // The package gets its program by its install script.
  const options = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts=false']
  spawnSync('npm', ['install', ...options, `node@${version}`], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  if (existsSync(program)) return program
  console.error(`Node ${version} could not be installed into ${folder}; remove that folder to try again.`)
  process.exit(1)
}

const asked = process.argv.slice(2)
for (const version of asked) {
  if (VERSIONS.includes(version)) continue
  console.error(`'${version}' is none of the versions that are tested: ${VERSIONS.join(', ')}.`)
  process.exit(1)
}
const programs = (asked.length > 0 ? asked : VERSIONS).map(install)
let status = 0
for (const program of programs) {
  const told = spawnSync(program, ['--version'], { encoding: 'utf8' })
  if (told.status !== 0) {
    console.error(`${program} does not run: ${told.error?.message ?? told.stderr}`)
    process.exit(1)
  }
  console.log(`\n==> Node ${told.stdout.trim()}`)
  const args = [join(root, 'scripts', 'test.mjs'), '--test-concurrency=1', ...TESTS]
  const run = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  if (run.status !== 0) status = 1
}
process.exit(status)
