/**
 * promtool, built from Prometheus' published module into the cache folder (HOLDFAST_CACHE, or ~/.cache/holdfast) once.
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from '../test/support/bucket.js'

const MODULE = 'github.com/prometheus/prometheus'
const VERSION = '0.316.0'

const run = promisify(execFile)

/** @returns the program's path @throws Error with a sentence that says what is missing */
export async function buildPromtool(): Promise<string> {
  const folder = join(process.env.HOLDFAST_CACHE ?? join(homedir(), '.cache', 'holdfast'), `promtool-${VERSION}`)
  const program = join(folder, 'promtool')
  if (existsSync(program)) return program
  const work = await temporaryFolder()
  try {
    await writeFile(join(work.path, 'go.mod'), `module rules\n\ngo 1.25\n\nrequire ${MODULE} v${VERSION}\n`)
    await mkdir(folder, { recursive: true })
    const built = `${program}.${process.pid}`
    const args = ['-n', '15', 'go', 'build', '-mod=mod', '-o', built, `${MODULE}/cmd/promtool`]
    await run('nice', args, { cwd: work.path })
    await rename(built, program)
    return program
  } catch (cause) {
    const message = `promtool ${VERSION} could not be built. It needs Go 1.25 or later (https://go.dev/dl) and a module proxy.`
    throw new Error(message, { cause })
  } finally {
    await work.remove()
  }
}

/** @returns its exit code, and all that it printed */
export async function promtool(args: readonly string[], input = ''): Promise<{ code: number; text: string }> {
  const child = spawn(await buildPromtool(), args, { stdio: 'pipe' })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
  child.stdin.end(input)
  const code = await new Promise<number>((resolve) => child.once('close', resolve))
  return { code, text }
}
