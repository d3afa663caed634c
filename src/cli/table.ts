/**
 * Text for a terminal: columns, wrapped lines, colours where they are wanted. Pure.
 * @module
 */

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue'

const CODES: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
}

export type Paint = (colour: Colour, text: string) => string

/** Colours on a terminal, unless NO_COLOR is set (no-color.org) or the terminal is a dumb one. */
export function painter(isTerminal: boolean, environment: Readonly<Record<string, string | undefined>>): Paint {
  const isPlain = !isTerminal || Boolean(environment.NO_COLOR) || environment.TERM === 'dumb'
  return (colour, text) => (isPlain ? text : `\x1b[${CODES[colour][0]}m${text}\x1b[${CODES[colour][1]}m`)
}

/** The words on lines of so many characters; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

/** A word for a shell, quoted if need be. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** Lines of cells, each column as wide as its widest cell; the last one goes on. @param right columns that end in line */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const last = Math.max(0, ...rows.map((row) => row.length)) - 1
  const widths = Array.from({ length: last }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Text of others: what would end a line, command a terminal or not be seen is a question mark. */
export const harmless = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
