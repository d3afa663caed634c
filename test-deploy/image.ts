/**
 * Builds deploy/Dockerfile and runs what came of it, without an engine: by buildah, on a base image that is made of this machine's
 * node, npm and busybox, since no registry of images is asked.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { afterwards } from '../test/cli/command.js'
import { DEPLOY, ROOT, run, toolOf } from './tools.js'

/** What an image says about how it is run. */
export interface ImageConfig {
  readonly User: string
  readonly Env: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly Cmd: readonly string[]
  readonly WorkingDir: string
  readonly StopSignal: string
  readonly ExposedPorts: Readonly<Record<string, object>>
  readonly Volumes: Readonly<Record<string, object>>
  readonly Healthcheck: { readonly Test: readonly string[] }
}

export interface Image {
  readonly config: ImageConfig
  /** All files of it, in a folder of their own. */
  readonly root: string
}

const SUPPORTED = ['--storage-driver', 'vfs']

/** @throws Error with what was printed */
function must(program: string, args: readonly string[], options: Parameters<typeof run>[2] = {}): string {
  const { code, stdout, text } = run(program, args, { timeout: 600_000, ...options })
  if (code !== 0)
    throw new Error(`${program} ${args.slice(0, 6).join(' ')} … ended with ${code}:\n${text.slice(-4_000)}`)
  return stdout
}

/** Builds it; all that is made of it is gone after the tests. */
export function buildImage(context: Pick<TestContext, 'after'>): Image {
  const buildah = toolOf('buildah')
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-image-'))
  afterwards(context, () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const storage = [...SUPPORTED, '--root', join(folder, 'storage'), '--runroot', join(folder, 'run')]
  const bud = (...args: string[]): string => must(buildah, [...storage, ...args]).trim()
  const base = bud('from', 'scratch')
  bud('copy', base, baseFolder(folder), '/')
  bud('config', '--env', 'PATH=/usr/local/bin:/usr/bin:/bin', base)
  bud('commit', '--format', 'docker', base, 'localhost/base')
  const npm = join(homedir(), '.npm')
  mkdirSync(npm, { recursive: true })
  const build = ['--isolation', 'chroot', '--format', 'docker', '--pull-never', '--layers=false', '--network', 'host']
  const given = ['--build-arg', 'NODE_IMAGE=localhost/base', '--volume', `${npm}:/root/.npm:rw`]
  bud('build', ...build, ...given, '--file', join(DEPLOY, 'Dockerfile'), '--tag', 'localhost/holdfast', ROOT)
  const { Docker } = JSON.parse(bud('inspect', '--type', 'image', 'localhost/holdfast')) as {
    Docker: { config: ImageConfig }
  }
  const root = bud('mount', bud('from', '--pull-never', 'localhost/holdfast'))
  return { config: Docker.config, root }
}

/** What stands in for the official image of Node: the same paths, and a user `node`. @returns its folder */
function baseFolder(folder: string): string {
  const root = join(folder, 'base')
  const put = (from: string, to: string): void => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    cpSync(from, join(root, to), { recursive: true, dereference: true })
  }
  for (const name of ['tmp', 'root', 'proc', 'dev', 'sys', 'etc', 'home/node']) {
    mkdirSync(join(root, name), { recursive: true })
  }
  put(must('sh', ['-c', `command -v ${toolOf('busybox')}`]).trim(), '/bin/busybox')
  mkdirSync(join(root, 'usr/bin'), { recursive: true })
  must('chroot', [root, '/bin/busybox', '--install', '-s', '/bin'])
  must('chroot', [root, '/bin/busybox', '--install', '-s', '/usr/bin'])
  put(process.execPath, '/usr/local/bin/node')
  for (const [, path] of must('ldd', [process.execPath]).matchAll(/(\/\S+) \(0x/g)) put(path!, path!)
  const npm = dirname(dirname(realpathSync(must('sh', ['-c', 'command -v npm']).trim())))
  put(npm, '/usr/local/lib/node_modules/npm')
  must('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm')])
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n')
  return root
}

export interface Container {
  /** As the kernel counts outside. */
  readonly pid: number
  readonly stderr: string
  /** Its exit code. */
  readonly ended: Promise<number | null>
}

/** Process 1 of a container: a process space of its own, the image's root read-only, its user. */
const START = `set -e
mount --bind "$ROOT" "$ROOT"
for volume in $VOLUMES; do mount --bind "$ROOT$volume" "$ROOT$volume"; done
mount -o remount,bind,ro "$ROOT"
mount --rbind /dev "$ROOT/dev"
mount -t proc proc "$ROOT/proc"
exec env --ignore-environment "$@"`

/** The image's own command, with these variables besides its own. It ends with the test. */
export async function startContainer(
  context: Pick<TestContext, 'after'>,
  { root, config }: Image,
  variables: Readonly<Record<string, string>>,
): Promise<Container> {
  const command = inImage({ root, config }, variables, [...config.Entrypoint, ...config.Cmd])
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private']
  const child: ChildProcess = spawn('unshare', [...namespaces, 'sh', '-c', START, 'sh', ...command], {
    env: { PATH: process.env.PATH, ROOT: root, VOLUMES: Object.keys(config.Volumes).join(' ') },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  afterwards(context, () => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  return {
    get pid() {
      return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
    },
    get stderr() {
      return stderr
    },
    ended,
  }
}

/** Runs another program of the image, as `docker exec` does. @returns its exit code */
export function execute(image: Image, variables: Readonly<Record<string, string>>, command: readonly string[]) {
  const [program, ...args] = inImage(image, variables, command)
  return run('env', ['--ignore-environment', program!, ...args])
}

function inImage(
  { root, config }: Image,
  variables: Readonly<Record<string, string>>,
  command: readonly string[],
): string[] {
  const own = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  return [...config.Env, ...own, '/usr/sbin/chroot', `--userspec=${config.User}`, root, ...command]
}

/** Paths of the image below a folder of it. */
export const namesIn = ({ root }: Image, folder: string): string[] => readdirSync(join(root, folder))
