import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DiskStore } from '../../src/disk/index.js'
import { storeContract } from '../../src/testing/store-contract.js'

const MiB = 1024 * 1024

for (const fsync of ['commit', 'never'] as const) {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-disk-'))
  storeContract(`DiskStore with fsync: '${fsync}'`, {
    open: async () => new DiskStore({ directory, fsync, maxObjectSize: 64 * MiB }),
    interestingSizes: [MiB - 1, MiB + 1, 8 * MiB],
    leftovers: async (id) => readdirSync(directory).filter((name) => name.startsWith(id)),
    cleanup: async () => rmSync(directory, { recursive: true, force: true }),
  })
}
