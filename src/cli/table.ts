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
