/** tus-java-client, which tus-android-client is built on. */
import { join } from 'node:path'
import { install } from '../test-providers/servers/install.js'
import { clientSuite } from './suite.js'

const VERSION = '0.5.1'
let jar: string

clientSuite('tus-java-client', VERSION, {
  install() {
    const artifact = `io.tus.java.client:tus-java-client:${VERSION}`
    const source = { by: 'maven', artifact, file: `tus-java-client-${VERSION}.jar` } as const
    jar = install(`clients/tus-java-client-${VERSION}`, source)
  },
  command: ({ endpoint, path, state }) => ({
    program: 'java',
    args: [
      '-Dfile.encoding=UTF-8',
      ...['-cp', jar, join(import.meta.dirname, 'programs', 'Upload.java'), endpoint, path, state],
    ],
  }),
  checksums: false,
})
