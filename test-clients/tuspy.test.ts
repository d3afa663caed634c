/** tuspy, the client of tus for Python. */
import { join } from 'node:path'
import { test } from 'node:test'
import { install } from '../test-providers/servers/install.js'
import { clientSuite, isChosen, snippetWorks } from './suite.js'

const VERSION = '1.1.0'
let python: string

function installTuspy(): void {
  const source = { by: 'pip', requirement: `tuspy==${VERSION}`, binary: 'python' } as const
  python = install(`clients/tuspy-${VERSION}`, source)
}

clientSuite('tuspy', VERSION, {
  install: installTuspy,
  command: ({ endpoint, path, state, checksum }) => ({
    program: python,
    args: [
      join(import.meta.dirname, 'programs', 'upload.py'),
      endpoint,
      path,
      state,
      ...(checksum ? ['--checksum'] : []),
    ],
    env: { PYTHONUTF8: '1' },
  }),
  checksums: true,
})

if (isChosen('tuspy')) {
  test('tuspy: the code of docs/clients.md uploads the file', (context) => {
    installTuspy()
    return snippetWorks(context, 'python', python)
  })
}
