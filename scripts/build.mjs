// Builds dist/: the library and the command by the compiler, the page by esbuild.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

// Who runs several commands on one state of the sources builds once; and none of them takes dist/ from under another.
if (process.env.HOLDFAST_BUILT && existsSync(join(import.meta.dirname, '..', 'dist/cli/main.js'))) process.exit(0)

const root = join(import.meta.dirname, '..')
const run = (script, ...args) =>
  execFileSync(process.execPath, [join(root, 'node_modules', script), ...args], { cwd: root, stdio: 'inherit' })

try {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run('typescript/bin/tsc', '-p', 'tsconfig.json')
  run('typescript/bin/tsc', '-p', 'src/ui/tsconfig.json')
  mkdirSync(join(root, 'dist/ui'), { recursive: true })
  await build({
    absWorkingDir: root,
    entryPoints: { app: 'src/ui/app.ts', 'status/status': 'src/ui/status/app.ts' },
    outdir: 'dist/ui',
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  })
  for (const name of ['index.html', 'style.css', 'icon.svg', 'status/index.html', 'status/status.css'])
    copyFileSync(join(root, 'src/ui', name), join(root, 'dist/ui', name))
  copyFileSync(join(root, 'src/hooks/hook.proto'), join(root, 'dist/hooks/hook.proto'))
  chmodSync(join(root, 'dist/cli/main.js'), 0o755)
} catch (error) {
  // What is wrong was printed by the compiler or esbuild already, unless it was neither.
  if (error.status === undefined && error.errors === undefined) console.error(error)
  process.exit(1)
}
