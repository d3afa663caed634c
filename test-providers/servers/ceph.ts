/**
 * Ceph's object gateway on one machine, as Debian packages it: a monitor, one storage daemon that keeps everything in
 * memory, and the gateway. It is up in a second or two.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Running, StartInput } from './catalogue.js'
import { answersHttp, freePorts } from './process.js'

/** What fits into the storage daemon's memory. */
const STORE_BYTES = 8 * 1024 ** 3

interface Places {
  readonly folder: string
  readonly fsid: string
  readonly monitor: number
  readonly gateway: number
}

export async function startCeph({ workspace, credentials }: StartInput): Promise<Running> {
  const [monitor, gateway] = (await freePorts(2)) as [number, number]
  const { folder } = workspace
  const fsid = randomUUID()
  const config = join(folder, 'ceph.conf')
  for (const name of ['mon', 'osd', 'gateway', 'run']) await mkdir(join(folder, name))
  await writeFile(config, configuration({ folder, fsid, monitor, gateway }))
  const run = (program: string, ...args: string[]) => workspace.run({ program, args: ['-c', config, ...args] })
  const start = (program: string, ...args: string[]) =>
    workspace.start({ program, args: ['-f', '-c', config, ...args] })

  const map = join(folder, 'monmap')
  const address = `[v2:127.0.0.1:${monitor}]`
  await workspace.run({ program: 'monmaptool', args: ['--create', '--fsid', fsid, '--addv', 'a', address, map] })
  await run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map)
  start('ceph-mon', '-i', 'a')
  const osd = randomUUID()
  await run('ceph', '--connect-timeout', '30', 'osd', 'new', osd)
  await run('ceph-osd', '--mkfs', '-i', '0', '--osd-uuid', osd)
  start('ceph-osd', '-i', '0')
  await workspace.until(async () => (await run('ceph', '--connect-timeout', '30', 'osd', 'stat')).includes('1 up'))
  start('radosgw', '-n', 'client.gateway')
  const { accessKeyId, secretAccessKey } = credentials
  const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`]
  await run('radosgw-admin', '-n', 'client.gateway', 'user', 'create', '--uid=holdfast', '--display-name=t', ...keys)
  const endpoint = `http://127.0.0.1:${gateway}`
  await workspace.until(() => answersHttp(endpoint))
  const guest = { accessKeyId: 'guestguestguest', secretAccessKey: 'guest-guest-guest-guest' }
  const ofGuest = [`--access-key=${guest.accessKeyId}`, `--secret-key=${guest.secretAccessKey}`]
  await run('radosgw-admin', '-n', 'client.gateway', 'user', 'create', '--uid=guest', '--display-name=g', ...ofGuest)
  return { endpoint, guest: { credentials: guest, principal: 'arn:aws:iam:::user/guest' } }
}

/**
 * No keys between the daemons, one copy of everything, and no waiting for a quorum that has one member. The gateway
 * needs to be told separately that its connection to the monitor has no keys.
 */
function configuration({ folder, fsid, monitor, gateway }: Places): string {
  return `
[global]
fsid = ${fsid}
mon host = v2:127.0.0.1:${monitor}/0
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
keyring = /dev/null
run dir = ${folder}/run
admin socket = ${folder}/run/$name.asok
log file = ${folder}/run/$name.log
crash dir = ${folder}/run
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 2000
paxos propose interval = 0.02
paxos min wait = 0.01

[mon]
mon data = ${folder}/mon
mon allow pool size one = true
mon data avail warn = 2
mon data avail crit = 1
mon cluster log to file = false
auth allow insecure global id reclaim = true

[osd]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = ${STORE_BYTES}
osd max object name len = 1024

[client.gateway]
rgw data = ${folder}/gateway
rgw frontends = beast endpoint=127.0.0.1:${gateway} tcp_nodelay=1
rgw dns name = localhost
rgw enable usage log = false
rgw run sync thread = false
rgw gc obj min wait = 5
rgw gc processor period = 10
auth client required = none
ms mon client mode = crc secure
`
}
