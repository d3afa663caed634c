/**
 * A systemd of its own: as process 1 of new namespaces, on this machine's files, of which it can change none. It shares the
 * network, and knows no unit but those that it is given. Needs root and systemd, and no container engine.
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterwards } from '../test/cli/command.js'
import { run } from './tools.js'

export interface Machine {
  /** `systemctl` there. @returns what it printed @throws Error with what it said */
  systemctl(...args: string[]): Promise<string>
  /** A property of a unit. */
  property(unit: string, name: string): Promise<string>
  /** As this machine counts, of the main process of a service. */
  pidOf(unit: string): Promise<number>
  /** The unit's journal, which is a file here. */
  log(): string
}

/**
 * Everything of this machine is read-only there, which is tried before systemd starts; what has to be written lies in memory. Units
 * are those of the test alone: no unit of this machine is known to it.
 */
const BOOT = `set -e
mkdir "$CGROUP"
echo $$ > "$CGROUP/cgroup.procs"
exec unshare --cgroup --pid --uts --ipc --fork --kill-child --mount --propagation private --mount-proc sh -c '
set -e
cd /
for path in $(cut -d" " -f2 /proc/self/mounts | sort -u); do
  case $path in /proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$path" ;; esac
done
mount --rbind "$FOLDER" /mnt
mount -o remount,bind,rw /mnt
for path in / /etc /opt /usr /var /tmp /root "$PACKAGE"; do
  if touch "$path/.holdfast-test" 2> /mnt/readonly; then rm "$path/.holdfast-test"; echo "$path can be written" >&2; exit 1; fi
done
mount -t tmpfs tmpfs /media
for path in /etc /opt; do
  mkdir -p "/media$path/up" "/media$path/work"
  mount -t overlay overlay -o "lowerdir=$path,upperdir=/media$path/up,workdir=/media$path/work" "$path"
done
cp -r /mnt/files/. /
mkdir -p /opt/holdfast/node_modules/holdfast
mount --bind "$PACKAGE" /opt/holdfast/node_modules/holdfast
mount -o remount,bind,ro /opt/holdfast/node_modules/holdfast
for path in /tmp /run /var /dev/shm; do mount -t tmpfs tmpfs "$path"; done
mkdir -p /run/systemd/system /var/lib /var/tmp
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# As a container manager does: systemd hands credentials on by mounts that propagate.
mount --make-rshared /
exec env --ignore-environment container=holdfast PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  SYSTEMD_UNIT_PATH=/etc/systemd/test SYSTEMD_GENERATOR_PATH=/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/none \
  /lib/systemd/systemd --system --unit=test.target --log-target=null --show-status=no
'`

/** Nothing of this machine's own is waited for, and the output can be read. */
const TARGET = '[Unit]\nDefaultDependencies=no\n'
const LOG = '/mnt/log'
const OUTPUT = `[Service]\nStandardOutput=append:${LOG}\nStandardError=append:${LOG}\n`
const dropIn = (unit: string): string => TARGET + (unit.endsWith('.service') ? OUTPUT : '')

/**
 * @param units by their names, as they are to be there
 * @param files paths below /etc to texts
 * @param packageFolder what is installed as node_modules/holdfast
 */
export async function bootSystemd(
  context: Pick<TestContext, 'after'>,
  units: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>>,
  packageFolder: string,
): Promise<Machine> {
  if (process.getuid?.() !== 0)
    throw new Error('Only root can start a systemd: run the tests as root, or leave out `booted` in HOLDFAST_DEPLOY.')
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-systemd-'))
  const log = join(folder, 'log')
  writeFileSync(log, '')
  const cgroup = join(cgroupRoot(), `holdfast-test-${process.pid}`)
  const all = {
    ...files,
    ...Object.fromEntries(Object.entries(units).map(([name, text]) => [`/etc/systemd/test/${name}`, text])),
    ...Object.fromEntries(Object.keys(units).map((name) => [`/etc/systemd/test/${name}.d/test.conf`, dropIn(name)])),
    '/etc/systemd/test/test.target': TARGET,
  }
  for (const [path, text] of Object.entries(all)) {
    const there = join(folder, 'files', path)
    mkdirSync(dirname(there), { recursive: true })
    writeFileSync(there, text, { mode: path.startsWith('/etc/holdfast') ? 0o600 : 0o644 })
  }
  const child = spawn('sh', ['-c', BOOT], {
    env: { PATH: process.env.PATH, CGROUP: cgroup, FOLDER: folder, PACKAGE: packageFolder },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  afterwards(context, async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve))
    await removeCgroup(cgroup)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const init = (): number => Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
  // Not in step: what a unit asks of a server in this process must be answered meanwhile.
  const systemctl = (...args: string[]): Promise<string> =>
    promisify(execFile)('nsenter', [`--target=${init()}`, '--mount', '--pid', 'systemctl', '--no-pager', ...args]).then(
      ({ stdout }) => stdout.trim(),
    )
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null || tries === 100) throw new Error(`systemd does not start: ${said}`)
    const state = init() > 0 && (await systemctl('is-active', 'test.target').catch(() => ''))
    if (state === 'active') break
    await sleep(100)
  }
  const property = (unit: string, name: string): Promise<string> =>
    systemctl('show', '--value', `--property=${name}`, unit)
  return {
    systemctl,
    property,
    pidOf: async (unit) => outside(Number(await property(unit, 'MainPID')), init()),
    log: () => readFileSync(log, 'utf8'),
  }
}

/** Where the second version of control groups is mounted here. */
function cgroupRoot(): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2')
  if (!line) throw new Error('systemd needs control groups of version 2, which this machine has not mounted.')
  return line.split(' ')[1]!
}

/** What a process of the namespace is called here. */
function outside(pid: number, init: number): number {
  const all = [init]
  for (const one of all) {
    const [, chain] = /^NSpid:\t(.*)$/m.exec(readFileSync(`/proc/${one}/status`, 'utf8')) ?? []
    if (Number(chain?.split('\t').at(-1)) === pid) return one
    const children = readFileSync(`/proc/${one}/task/${one}/children`, 'utf8').trim()
    if (children) all.push(...children.split(' ').map(Number))
  }
  throw new Error(`There is no process ${pid} under that systemd.`)
}

/** The kernel takes a moment to see that its processes are gone. */
async function removeCgroup(path: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const { code } = run('find', [path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'])
    if (code === 0) return
    await sleep(100)
  }
}
