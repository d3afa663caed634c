// Runs every *.test.ts below the folders (or the files) named, in node's own test runner. A run that finds no test fails.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const find = (path) =>
  statSync(path).isFile()
    ? [path]
    : readdirSync(path).flatMap((name) => (name === 'node_modules' ? [] : find(join(path, name))))

const paths = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const files = paths.flatMap(find).filter((file) => file.endsWith('.test.ts'))
if (files.length === 0) {
  console.error(`no *.test.ts file under ${paths.join(', ')}`)
  process.exit(1)
}
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-reporter=spec', '--test-timeout=400000', ...flags, ...files.sort()],
  { stdio: 'inherit' },
)
process.exit(status ?? 1)
