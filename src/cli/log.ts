/**
 * The log of the command: lines on stderr, as text for people or as JSON for machines, by pino. What lets a reader act in a
 * client's name is not in them.
 * @module
 */
import { pino } from 'pino'
import { redact, redactFields } from '../http/redact.js'
import type { Logger } from '../server.js'

export interface LogOptions {
  /** All levels. */
  readonly verbose: boolean
  /** The lowest level that is written, if not all are. Default: 'info'. */
  readonly level?: Level | undefined
  readonly format: string
  /** Of each line, such as which worker writes it. */
  readonly always?: Readonly<Record<string, unknown>> | undefined
  /** Where the lines go. Default: stderr. */
  readonly write?: (line: string) => void
}

export type Level = keyof Logger

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']

/** Bytes of a line that processes with one log write in one piece (PIPE_BUF, for Linux). */
const ONE_PIECE = 4_096

/** Characters of a text in a line that would be longer than that; each may become six bytes. */
const SHORTENED = 100

export function createLog({ verbose, level: least = 'info', format, always, write = toStderr }: LogOptions): Logger {
  const line = format === 'json' ? jsonLines() : textLine
  const at = (level: Level) => {
    if (!verbose && LEVELS.indexOf(level) < LEVELS.indexOf(least)) return () => undefined
    return (given: Record<string, unknown>, said: string): void => {
      const fields = { ...always, ...redactFields(given) }
      const message = redact(said)
      const text = line(level, fields, message)
      const isLong = always !== undefined && Buffer.byteLength(text) >= ONE_PIECE
      write(`${isLong ? line(level, shortened(fields), message) : text}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const toStderr = (line: string): void => void process.stderr.write(line)

/** In a log of several processes a line in two pieces could have another one in its midst. */
function shortened(fields: Record<string, unknown>): Record<string, unknown> {
  const pairs = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return [name, text !== undefined && text.length > SHORTENED ? `${text.slice(0, SHORTENED)} …` : value]
  })
  return Object.fromEntries(pairs)
}

type Line = (level: Level, fields: Record<string, unknown>, message: string) => string

/** By pino, with names and values that people read, too. It leaves as they are what `visible` makes seen. */
function jsonLines(): Line {
  let written = ''
  const options = {
    level: 'debug',
    base: null,
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
  }
  const target = {
    write(line: string) {
      written = line
    },
  }
  const logger = pino(options, target)
  return (level, fields, message) => {
    logger[level](withoutOurs(fields), message)
    return visible(written.slice(0, -1))
  }
}

/** A name twice in one object means one thing to some readers, and another to others. */
function withoutOurs(fields: Record<string, unknown>): Record<string, unknown> {
  const pairs = Object.entries(fields).map(([name, value]) => [OURS.has(name) ? `${name}_` : name, value])
  return Object.fromEntries(pairs)
}

const OURS: ReadonlySet<string> = new Set(['time', 'level', 'message'])

function textLine(level: Level, fields: Record<string, unknown>, message: string): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${show(value)}`],
  )
  return visible([new Date().toISOString(), level.toUpperCase().padEnd(5), message, ...pairs].join(' '))
}

/** A value, quoted where it would not be read as one word. */
function show(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return value === '' || /[\s"=\\\p{C}]/u.test(value) ? JSON.stringify(value) : value
}

/**
 * Targets and fields are the client's words. What would end a line, turn the direction of writing, command a terminal or
 * not be seen at all is written as an escape, so that one line is one event, and says what it says.
 */
const visible = (line: string): string => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped)

const escaped = (characters: string): string =>
  characters
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
