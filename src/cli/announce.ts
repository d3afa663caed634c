/**
 * What `holdfast serve` says on stdout once it serves.
 * @module
 */
import { originOf, pathOf } from './listen.js'
import type { Options } from './read-options.js'

type Announced = Pick<Options<'serve'>, 'host' | 'basePath' | 'tlsCert' | 'ui' | 'unixSock' | 'showStartupLogs'>

/** @param port undefined for a Unix socket */
export function announce(options: Announced, port: number | undefined): void {
  const { host, basePath, tlsCert, ui, unixSock, showStartupLogs } = options
  if (!showStartupLogs) return
  const scheme = tlsCert === undefined ? 'http' : 'https'
  // A socket as nginx writes it in proxy_pass.
  const origin = port === undefined ? `${scheme}://unix:${unixSock}:` : originOf(host, port, scheme)
  console.log(`You can now upload files to: ${urlOf(basePath, origin)}`)
  if (ui && port !== undefined) console.log(`Or open ${origin}/ and drop a file`)
}

/** The URL under which uploads live, as clients of this machine see it. */
export const urlOf = (basePath: string, origin: string): string =>
  `${/^https?:/i.test(basePath) ? new URL(basePath).origin : origin}${pathOf(basePath)}/`
