/**
 * The log of the command: lines on stderr, as text for people or as JSON for machines.
 * @module
 */
import type { Logger } from '../server.js'

export interface LogOptions {
  readonly verbose: boolean
  readonly format: string
  /** Where the lines go. Default: stderr. */
  readonly write?: (line: string) => void
}

type Level = keyof Logger

export function createLog({ verbose, format, write = (line) => process.stderr.write(line) }: LogOptions): Logger {
  const line = format === 'json' ? jsonLine : textLine
  const at =
    (level: Level) =>
    (fields: Record<string, unknown>, message: string): void => {
      if (level !== 'debug' || verbose) write(`${line(level, fields, message)}\n`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function jsonLine(level: Level, fields: Record<string, unknown>, message: string): string {
  return JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })
}

function textLine(level: Level, fields: Record<string, unknown>, message: string): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${show(value)}`],
  )
  return [new Date().toISOString(), level.toUpperCase().padEnd(5), message, ...pairs].join(' ')
}

/** A value on one line, quoted where it would not be read as one word. */
function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return typeof value === 'string' && /[\s"=\p{Cc}]/u.test(text) ? JSON.stringify(text) : text
}
