/**
 * What `holdfast serve` says on stdout once it serves.
 * @module
 */
import { originOf, pathOf } from './listen.js'
import type { Options } from './read-options.js'

type Announced = Pick<Options<'serve'>, 'host' | 'basePath' | 'tlsCert' | 'ui'>

export function announce({ host, basePath, tlsCert, ui }: Announced, port: number): void {
  const origin = originOf(host, port, tlsCert === undefined ? 'http' : 'https')
  console.log(`You can now upload files to: ${urlOf(basePath, origin)}`)
  if (ui) console.log(`Or open ${origin}/ and drop a file`)
}

/** The URL under which uploads live, as clients of this machine see it. */
export const urlOf = (basePath: string, origin: string): string =>
  `${/^https?:/i.test(basePath) ? new URL(basePath).origin : origin}${pathOf(basePath)}/`
