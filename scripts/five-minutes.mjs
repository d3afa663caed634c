// The first five minutes of a newcomer, typed as docs/five-minutes.md tells them, in a clean clone in a temporary folder:
// prints the transcript with the time that each step took; with --write puts it into the page. Ports 1080 and 9000 must be free.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
export const PAGE = join(ROOT, 'docs', 'five-minutes.md')

const READY = /You can now upload files to: \S+/

/**
 * What is typed. `terminal` 1 has the server, which goes on until `keys` are pressed there; everything else is typed in
 * the second one, as one session.
 */
export const STEPS = [
  { name: 'clone', typed: ['git clone "$REPOSITORY" holdfast', 'cd holdfast'] },
  { name: 'install', typed: ['npm ci'] },
  { name: 'serve', terminal: 1, typed: ['npm start -- --bucket-port 9000'] },
  { name: 'file', typed: ['head -c 2G /dev/urandom > talk.mp4'] },
  {
    name: 'kill',
    typed: ['timeout -s KILL 4 npx holdfast upload talk.mp4 --to http://127.0.0.1:1080/files/'],
    ends: 137,
  },
  { name: 'crash', terminal: 1, typed: ['^\\'], keys: 'SIGQUIT' },
  { name: 'again', terminal: 1, typed: ['npm start -- --bucket-port 9000'] },
  { name: 'resume', typed: ['url=$(npx holdfast upload talk.mp4 --to http://127.0.0.1:1080/files/)'] },
  { name: 'compare', typed: ['curl -s "$url" | sha256sum', 'sha256sum talk.mp4'] },
  {
    name: 'inspect',
    typed: [
      'export AWS_ACCESS_KEY_ID=holdfast AWS_SECRET_ACCESS_KEY=holdfast-secret',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
      'npx holdfast inspect "${url##*/}" --s3-bucket uploads --s3-endpoint http://127.0.0.1:9000 | head -n 7',
    ],
  },
  { name: 'verify', typed: ['npx holdfast verify --all --s3-bucket uploads --s3-endpoint http://127.0.0.1:9000'] },
]

/** A shell that is typed to. Its output comes after each command, with the exit code. */
function openTerminal(cwd, env) {
  const shell = spawn('bash', ['--norc', '--noprofile'], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let look = () => undefined
  shell.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    look()
  })
  shell.stdin.write('exec 2>&1\n')
  const end = '__ended__'
  return {
    async type(command) {
      output = ''
      shell.stdin.write(`${command}\nprintf '\\n${end} %s\\n' $?\n`)
      const match = await new Promise((resolve) => {
        look = () => {
          const found = new RegExp(`([\\s\\S]*)\\n${end} (\\d+)\\n`).exec(output)
          if (found) resolve(found)
        }
      })
      return { output: match[1].trimEnd(), code: Number(match[2]) }
    },
    async close() {
      shell.stdin.end('exit\n')
      await once(shell, 'close')
    },
  }
}

/** A program in the first terminal: its own process group, as a terminal gives it. */
async function startServer(command, cwd, env) {
  const child = spawn('bash', ['-c', command], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const closed = once(child, 'close')
  await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        if (READY.test(output)) resolve()
      })
    }
    closed.then(() => reject(new Error(`the server ended:\n${output}`)))
  })
  return {
    output: output.trim(),
    async press(signal) {
      process.kill(-child.pid, signal)
      await closed
    },
  }
}

/** What npm says of itself is not about Holdfast, and other from machine to machine. */
const told = (output) =>
  output
    // As a shell says it that somebody types to.
    .replaceAll(/^bash: line \d+: +\d+ (\w+) .*$/gm, '$1')
    .split('\n')
    .filter((line) => !/^(npm (warn|notice)|\s*$|> |\d+ packages|\s+run `npm|found 0)/.test(line))
    .join('\n')

/** Runs all steps. @returns each with what was said, and milliseconds */
async function run() {
  for (const port of [1080, 9000]) await assertFree(port)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-five-minutes-'))
  const { PATH, HOME = folder } = process.env
  const env = { PATH, HOME, REPOSITORY: ROOT, XDG_STATE_HOME: join(folder, 'state') }
  const terminal = openTerminal(folder, env)
  let server
  try {
    const results = []
    for (const step of STEPS) {
      const started = performance.now()
      let output = ''
      if (step.keys) await server.press(step.keys)
      else if (step.terminal === 1) {
        server = await startServer(step.typed[0], join(folder, 'holdfast'), env)
        output = server.output
      } else output = await typeAll(step, terminal)
      const ms = performance.now() - started
      results.push({ ...step, output, ms })
      console.error(`${step.name.padEnd(8)} ${(ms / 1000).toFixed(1).padStart(6)} s`)
    }
    await assertSame(results, join(folder, 'holdfast', 'talk.mp4'))
    return results
  } finally {
    await server?.press('SIGTERM').catch(() => undefined)
    await terminal.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function typeAll({ name, typed, ends = 0 }, terminal) {
  const outputs = []
  for (const command of typed) {
    const { output, code } = await terminal.type(command)
    if (code !== ends) throw new Error(`${name}: '${command}' ended with ${code}:\n${output}`)
    outputs.push(output)
  }
  return outputs
}

async function assertFree(port) {
  const server = net.createServer().listen(port, '127.0.0.1')
  await Promise.race([once(server, 'listening'), once(server, 'error').then(([error]) => Promise.reject(error))])
  server.close()
}

/** That the transcript shows what its page says: an upload that went on, and the digest of its file, twice. */
async function assertSame(results, file) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  const digest = hash.digest('hex')
  const outputOf = (step) => results.find(({ name }) => name === step).output
  const outputs = outputOf('compare')
  if (!outputs.every((output) => output.startsWith(digest))) throw new Error(`not the same bytes: ${outputs}`)
  if (!outputOf('resume')[0].includes('resuming'))
    throw new Error('the upload was killed before it began, or after its end')
}

/** A step as it looks in its terminal. */
export function consoleOf({ typed, output, keys }) {
  if (keys) return typed[0]
  const outputs = [output].flat()
  return typed
    .flatMap((command, at) => [`$ ${command}`, ...(outputs[at] ? [told(outputs[at])] : [])])
    .join('\n')
    .trimEnd()
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

function tableOf(results) {
  let sum = 0
  const rows = results.map(({ name, ms }) => {
    sum += ms
    return `| ${name} | ${seconds(ms)} | ${seconds(sum)} |`
  })
  const machine = `Node.js ${process.versions.node}, ${cpus().length} processors, ${Math.round(totalmem() / 2 ** 30)} GiB of memory`
  return [
    `| step | took | since the start |`,
    '| --- | --- | --- |',
    ...rows,
    '',
    `Measured on ${machine}; npm had the packages in its cache.`,
  ].join('\n')
}

/** The page with each step's block, and the table of times, replaced. */
export function withResults(page, results) {
  const filled = results.reduce(
    (text, step) =>
      text.replace(
        new RegExp(
          `(<!-- block: run by scripts/five-minutes.mjs, step ${step.name} -->\\n\`\`\`console\\n)[\\s\\S]*?(\\n\`\`\`)`,
        ),
        (_, before, after) => before + consoleOf(step) + after,
      ),
    page,
  )
  return filled.replace(
    /(<!-- times -->\n)[\s\S]*?(\n<!-- end of times -->)/,
    (_, before, after) => before + tableOf(results) + after,
  )
}

if (process.argv[1] === import.meta.filename) {
  const results = await run()
  for (const step of results) console.log(`${consoleOf(step)}\n# ${seconds(step.ms)}\n`)
  if (process.argv.includes('--write')) writeFileSync(PAGE, withResults(readFileSync(PAGE, 'utf8'), results))
}
