// Builds the documentation as a site into site/dist/, or serves it with --dev. Its dependencies are its own: they are
// installed where site/package-lock.json has changed since the last time.
import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const run = (program, ...args) => execFileSync(program, args, { cwd: root, stdio: 'inherit' })

const wanted = join(root, 'site', 'package-lock.json')
const installed = join(root, 'site', 'node_modules', '.package-lock.json')

try {
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
    run('npm', 'ci', '--prefix', 'site', '--no-audit', '--no-fund')
  }
  run(process.execPath, 'site/node_modules/typescript/bin/tsc', '-p', 'site')
  run(process.execPath, '--import', 'tsx', 'site/build.ts', ...process.argv.slice(2))
} catch (error) {
  // What is wrong was printed already.
  process.exit(error.status ?? 1)
}
