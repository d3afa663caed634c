/**
 * What is asked of a block, by its language. A block that no rule is for fails.
 * @module
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Block, placeOf, ROOT } from './block.js'
import { CODE, type Project } from './code.js'
import { checkConfig, checkShell } from './commands.js'
import { fileThatHas } from './excerpt.js'
import { checkHttp } from './http.js'
import { checkJson } from './json.js'
import type { Place } from './place.js'

export interface Ground {
  place: () => Promise<Place>
  project: Project
}

type Rule = (block: Block, ground: Ground) => Promise<void> | void

const shell: Rule = (block, { place }) => checkShell(block, place)

/** Lines with a prompt are commands; what follows them is what they say, which is not compared. */
const console_: Rule = (block, { place }) => {
  const commands = block.text.replaceAll(/^(?!\$ |> ).*$/gm, '#').replaceAll(/^[$>] /gm, '')
  return checkShell({ ...block, text: commands }, place)
}

const code: Rule = async (block, { project, place }) => {
  assert.deepEqual(project.complaints(block), [], HOW_CODE)
  await project.run(block, await place())
}

const HOW_CODE =
  'the block does not compile as a user would have it. Names that it may take as given are in test/docs/blocks/context.ts'

const RULES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(['sh', 'bash', 'shell'].map((language) => [language, shell])),
  console: console_,
  ...Object.fromEntries([...CODE].map((language) => [language, code])),
  json: (block, { place }) => checkJson(block, place),
  http: async (block, { place }) => checkHttp(block, await place()),
}

/** Says of itself that it is a configuration file of ours, to editors. */
const isConfig = ({ language, text }: Block): boolean =>
  ['yaml', 'json'].includes(language) && /\$schema\b.*\bconfiguration\.schema\.json/.test(text)

/** Whether a block is one of the code that is to be compiled. */
export const isCode = (block: Block): boolean =>
  CODE.has(block.language) && !isMarked(block) && fileThatHas(block.text) === undefined

const isMarked = ({ mark }: Block): boolean => mark?.kind === 'illustration' || mark?.kind === 'run by'

export async function check(block: Block, ground: Ground): Promise<void> {
  const { mark, language } = block
  if (mark?.kind === 'illustration') return
  if (mark?.kind === 'run by') return checkRunBy(block, mark.file)
  // What a file of the repository has is run or checked where that file is.
  if (!['sh', 'bash', 'console', 'json', 'http', ''].includes(language) && fileThatHas(block.text)) return
  if (isConfig(block)) return checkConfig(block, await ground.place())
  const rule = RULES[language]
  assert.ok(
    rule,
    language in RULES || /^(text|plain|)$/.test(language)
      ? `${placeOf(block)}: nothing checks plain text. Make it http, console or json, or write '<!-- block: illustration, because … -->' above it`
      : `${placeOf(block)}: no file of examples/, deploy/ or src/ has these lines of ${language}. Show an excerpt of one ('…' in a line of its own leaves lines out), or write '<!-- block: run by test/… -->' above it`,
  )
  await rule(block, ground)
}

/** The test reads the page, or says of which page it is. */
function checkRunBy(block: Block, file: string): void {
  assert.ok(existsSync(join(ROOT, file)), `${placeOf(block)}: there is no ${file}`)
  const [name] = block.page.split('/').slice(-1)
  assert.ok(readFileSync(join(ROOT, file), 'utf8').includes(name!), `${placeOf(block)}: ${file} does not name ${name}`)
}
