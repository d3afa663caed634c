/**
 * Code in TypeScript and JavaScript: checked by the compiler against the package as its users import it, in one run for
 * all pages, and then run. A line of what is compiled is the line of its page, so that messages lead there.
 * @module
 */
import assert from 'node:assert/strict'
import { execFileSync, fork } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Block, placeOf, ROOT } from './block.js'
import type { Place } from './place.js'

/** Names that context.ts gives. */
const CONTEXT = [
  ...readFileSync(join(import.meta.dirname, 'context.ts'), 'utf8').matchAll(/^export (?:const|class) (\w+)/gm),
].map(([, name]) => name!)

/** What is checked by the compiler alone, for what it has in it. */
const NOT_RUN: readonly (readonly [has: RegExp, because: string])[] = [
  [/\bstoreContract\(/, 'it is a whole suite of tests; test/disk and test/s3 run it'],
  [/\{ throw new Error\('…'\) \}/, 'it has bodies that are left out'],
  [/^throw /m, 'it does nothing but fail'],
]

export const CODE = new Set(['ts', 'typescript', 'js', 'javascript', 'mjs'])

const nameOf = (block: Block): string => `${block.page.replaceAll(/[^\w]+/g, '_')}_${block.line}`

export interface Project {
  /** The complaints of the compiler about a block. */
  complaints(block: Block): string[]
  run(block: Block, place: Place): Promise<void>
  remove(): void
}

/** Compiles the blocks in a project that has the package among its dependencies. */
export function compile(blocks: readonly Block[]): Project {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-code-'))
  linkModules(join(folder, 'node_modules'))
  copyFileSync(join(import.meta.dirname, 'context.ts'), join(folder, 'context.ts'))
  copyFileSync(join(import.meta.dirname, 'runner.mjs'), join(folder, 'runner.mjs'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'reader', private: true, type: 'module' }))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER, include: ['*.ts'] }))
  for (const block of blocks) writeFileSync(join(folder, `${nameOf(block)}.ts`), sourceOf(block))
  const complaints = compilerSays(folder)
  return {
    complaints: (block) =>
      complaints
        .filter(([file]) => file === `${nameOf(block)}.ts` || file === '')
        .map(([, line, text]) => `${block.page}:${line}: ${text}`),
    run: (block, place) => runBlock(join(folder, 'out'), block, place),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}

const COMPILER = {
  target: 'es2023',
  lib: ['es2023', 'dom', 'dom.iterable', 'esnext.disposable'],
  types: ['node'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  outDir: 'out',
  rootDir: '.',
  strict: true,
  skipLibCheck: true,
  // Code in JavaScript has no types to give.
  noImplicitAny: false,
}

/** As after `npm install holdfast` and all else that the package is tested with. */
function linkModules(modules: string): void {
  mkdirSync(modules)
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  }
  symlinkSync(ROOT, join(modules, 'holdfast'))
}

function sourceOf(block: Block): string {
  const text = block.text.replaceAll(/\{ … \}/g, "{ throw new Error('…') }")
  const given = CONTEXT.filter((name) => uses(text, name))
  const imports = [
    ...(given.length > 0 ? [`import { ${given.join(', ')} } from './context.js'`] : []),
    // A block with imports has all of them; one without is a piece of something, and has what the package exports.
    ...(/^import /m.test(text) ? [] : ownImports(text)),
    'export {}',
  ]
  return `${imports.join('; ')}${'\n'.repeat(block.line - 1)}${text}`
}

/** Whether a text has the name as a value or a type that it does not declare. */
function uses(text: string, name: string): boolean {
  const code = text.replaceAll(/\/\/.*$|'[^'\n]*'/gm, "''")
  const declared = new RegExp(
    `\\b(const|let|var|class|function|type|interface) (\\{[^}]*\\b)?${name}\\b|import [^'\\n]*\\b${name}\\b|\\(\\{?[^()]*\\b${name}\\b[^()]*\\) =>`,
  )
  return new RegExp(`(?<![.\\w])${name}\\b(?!['?]?:)`).test(code) && !declared.test(code)
}

function ownImports(text: string): string[] {
  const from = new Map<string, string>()
  for (const [name, subpath] of exportedNames()) {
    if (!from.has(name) && uses(text, name)) from.set(name, subpath)
  }
  return [...from].map(([name, subpath]) => `import { ${name} } from '${subpath}'`)
}

/** What docs/api.md names in its tables; a test compares them with the exports. */
function exportedNames(): (readonly [name: string, subpath: string])[] {
  const sections = readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8')
    .split(/^## /m)
    .slice(1)
  return sections.flatMap((section) => {
    const subpath = /^`(holdfast[^`]*)`/.exec(section)?.[1]
    if (subpath === undefined) return []
    const table = section.split('\n\n').find((block) => /^\| name /.test(block)) ?? ''
    const cells = [...table.matchAll(/^\| (`[^|]*`) *\|/gm)].map(([, cell]) => cell!)
    return cells.flatMap((cell) => cell.split(', ').map((name) => [name.replaceAll('`', ''), subpath] as const))
  })
}

/** @returns file, line and text of each complaint */
function compilerSays(folder: string): [file: string, line: string, text: string][] {
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    })
    return []
  } catch (error) {
    const { stdout } = error as { stdout: string }
    return stdout
      .split(/\n(?! )/)
      .filter(Boolean)
      .map((text) => {
        const [, file = '', line = '', rest = text] = /^([^(]+)\((\d+),\d+\): error ([\s\S]*)$/.exec(text) ?? []
        return [file, line, rest]
      })
  }
}

const EVALUATION = 15_000
/** Milliseconds for a program to go wrong after it was evaluated. */
const SETTLE = 150
const END = 5_000

interface Told {
  evaluated?: true
  port?: number
  tls?: boolean
}

/** Runs the block until it was evaluated, uploads to it if it listens, and has it stop. */
async function runBlock(folder: string, block: Block, place: Place): Promise<void> {
  const path = join(folder, `${nameOf(block)}.js`)
  const code = readFileSync(path, 'utf8')
  if (NOT_RUN.some(([has]) => has.test(block.text) || has.test(code))) return
  writeFileSync(path, place.here(code))
  const finished = place.node.holdfast.counters.finished
  const child = fork(join(folder, '..', 'runner.mjs'), [path], {
    cwd: place.folder,
    env: place.environment,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let said = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const closed = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code ?? -1)),
  )
  const listening: Told[] = []
  const evaluated = new Promise<void>((resolve) => {
    child.on('message', (told: Told) => {
      if (told.port !== undefined) listening.push(told)
      if (told.evaluated) resolve()
    })
  })
  const first = await Promise.race([evaluated, closed, sleep(EVALUATION, 'late' as const, { ref: false })])
  if (first === 'late') child.kill('SIGKILL')
  else if (first === undefined) {
    await Promise.race([sleep(SETTLE), closed])
    if (/\bupload\.start\(\)/.test(block.text)) await until(() => place.node.holdfast.counters.finished > finished)
    for (const server of listening) await answers(block, server)
    child.kill('SIGTERM')
    void sleep(END, undefined, { ref: false }).then(() => child.kill('SIGKILL'))
  }
  const end = await closed
  assert.ok(end === 0 || end === 'SIGTERM', `${placeOf(block)} ended with ${end}:\n${said}`)
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 100, 'the upload was not finished within 5 seconds')
    await sleep(50)
  }
}

/** A server that a block starts speaks tus where the block says that uploads are. */
async function answers(block: Block, { port, tls }: Told): Promise<void> {
  if (tls || !/\bholdfast\b/i.test(block.text) || /startBucket/.test(block.text)) return
  const path = /basePath: '([^']*)'/.exec(block.text)?.[1] ?? '/files'
  const answer = await fetch(`http://127.0.0.1:${port}${path}/`, { method: 'OPTIONS' })
  assert.ok(answer.headers.has('Tus-Resumable'), `${placeOf(block)}: ${path}/ answers ${answer.status}, not as tus`)
}
