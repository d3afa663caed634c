/**
 * The commands of a shell script, as far as documentation has such: words, quotes, variables before them, pipes and
 * lists, `$(…)`, `if` and loops, here-documents. Nothing is expanded.
 * @module
 */

export interface ShellCommand {
  /** From 0, in the script. */
  readonly line: number
  /** What is set for it: NAME=value. */
  readonly variables: Readonly<Record<string, string>>
  /** The program and its arguments; empty if there are only variables. */
  readonly words: readonly string[]
}

type Token = { kind: 'word'; text: string; line: number; bare: boolean } | { kind: 'end'; line: number }

const KEYWORDS = new Set(['if', 'then', 'else', 'elif', 'fi', 'for', 'while', 'until', 'do', 'done', '!', '{', '}'])

export function commandsOf(script: string): ShellCommand[] {
  const inner: ShellCommand[] = []
  const commands: ShellCommand[] = []
  let words: Extract<Token, { kind: 'word' }>[] = []
  const flush = (): void => {
    const command = commandFrom(words)
    if (command) commands.push(command)
    words = []
  }
  for (const token of tokensOf(script, (text, line) => {
    for (const command of commandsOf(text)) inner.push({ ...command, line: command.line + line })
  })) {
    if (token.kind === 'end') flush()
    else if (words.length === 0 && token.bare && KEYWORDS.has(token.text)) continue
    else words.push(token)
  }
  flush()
  return [...commands, ...inner].sort((a, b) => a.line - b.line)
}

function commandFrom(tokens: Extract<Token, { kind: 'word' }>[]): ShellCommand | undefined {
  const [first] = tokens
  if (!first) return undefined
  const variables: Record<string, string> = {}
  const rest = [...tokens]
  for (let match = assignment(rest[0]); match; match = assignment(rest[0])) {
    variables[match[1]!] = match[2]!
    rest.shift()
  }
  return { line: first.line, variables, words: rest.map(({ text }) => text) }
}

const assignment = (token: { text: string } | undefined): RegExpExecArray | null =>
  /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(token?.text ?? '')

/** @param substituted told of the script of each `$(…)` */
function* tokensOf(script: string, substituted: (script: string, line: number) => void): Generator<Token> {
  let at = 0
  let line = 0
  const heredocs: string[] = []
  const take = (): string => {
    const char = script[at++]!
    if (char === '\n') line++
    return char
  }
  while (at < script.length) {
    const char = script[at]!
    if (char === '#') while (at < script.length && script[at] !== '\n') at++
    else if (script.startsWith('\\\n', at)) {
      take()
      take()
    } else if (char === '\n') {
      yield { kind: 'end', line }
      take()
      for (const end of heredocs.splice(0)) {
        const stop = new RegExp(`^\\t*${end}$`, 'm').exec(script.slice(at))
        const until = stop ? at + stop.index + stop[0].length : script.length
        while (at < until) take()
      }
    } else if (/[ \t]/.test(char)) take()
    else if (/[;&|()]/.test(char)) {
      yield { kind: 'end', line }
      take()
    } else if (/^\d*[<>]/.test(script.slice(at))) {
      const [operator] = /^\d*(<<-?|<|>>|>&|>\|?)(&\d)?/.exec(script.slice(at))!
      at += operator.length
      while (/[ \t]/.test(script[at] ?? '')) at++
      // What it reads from or writes to is no argument.
      const target = word(line)
      if (operator.startsWith('<<')) heredocs.push(target.text)
    } else yield word(line)
  }

  function word(start: number): Extract<Token, { kind: 'word' }> {
    let text = ''
    let bare = true
    while (at < script.length && !/[\s;&|()<>]/.test(script[at]!)) {
      if (script.startsWith('$(', at)) {
        const begin = line
        const body = balanced()
        if (!body.startsWith('(')) substituted(body, begin)
        text += `$(${body})`
      } else if (script[at] === "'") {
        bare = false
        take()
        while (at < script.length && script[at] !== "'") text += take()
        take()
      } else if (script[at] === '"') {
        bare = false
        take()
        while (at < script.length && script[at] !== '"') {
          if (script.startsWith('$(', at)) {
            const begin = line
            const body = balanced()
            substituted(body, begin)
            text += `$(${body})`
          } else {
            if (script[at] === '\\') take()
            text += take()
          }
        }
        take()
      } else if (script.startsWith('\\\n', at)) {
        take()
        take()
      } else {
        if (script[at] === '\\') take()
        text += take()
      }
    }
    return { kind: 'word', text, line: start, bare }
  }

  /** Takes `$(…)`, and gives what is in it. */
  function balanced(): string {
    at += 2
    let depth = 1
    let text = ''
    while (at < script.length) {
      const char = take()
      if (char === '(') depth++
      if (char === ')' && --depth === 0) break
      text += char
    }
    return text
  }
}
