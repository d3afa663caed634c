/**
 * What `holdfast upload` remembers of unfinished uploads, so that the next run goes on with them.
 * @module
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import * as tus from 'tus-js-client'
import { PlainError } from './failure.js'

/** The client has it in node, its types do not. */
const { FileUrlStorage } = tus as unknown as { FileUrlStorage: new (path: string) => tus.UrlStorage }

export function statePath(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'holdfast', 'uploads.json')
}

/** @throws PlainError if the file is there and cannot be read */
export function openState(path: string): tus.UrlStorage {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const text = readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    if (text.trim() !== '') JSON.parse(text)
  } catch (cause) {
    const reason = (cause as Error).message
    throw new PlainError(`The state file ${path} cannot be used (${reason}); remove it, or choose another --state.`, {
      cause,
    })
  }
  return new FileUrlStorage(path)
}

export interface FileIdentity {
  readonly path: string
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

/** Changes when the file does: then what was sent of it is of no use. */
export function fingerprintOf({ path, size, modified }: FileIdentity, endpoint: string): string {
  return createHash('sha256')
    .update(JSON.stringify([resolve(path), size, modified, endpoint]))
    .digest('hex')
}
