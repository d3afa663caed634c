import { createServer, type Holdfast } from 'holdfast'
import { DiskStore } from 'holdfast/disk'

const open = (): Holdfast =>
  createServer({
    store: new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' }),
    basePath: '/api/files',
    // Next itself sets X-Forwarded-Proto and X-Forwarded-Host, from Host where no proxy did.
    trustProxy: process.env.TRUST_PROXY === '1',
  })

// One for the process: Next loads a module once for each of its bundles, and in development again when a file changes.
const shared = globalThis as { holdfast?: Holdfast }

shared.holdfast ??= open()

export const holdfast: Holdfast = shared.holdfast
