// Checks docs/models/upload.pml with spin, in several bounds; then takes one rule after another away and checks that the
// model finds what that costs. Needs spin and gcc (Debian: apt-get install spin gcc).
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MODEL = join(import.meta.dirname, '..', 'docs', 'models', 'upload.pml')

// What is checked: bounds → must hold.
const HOLDS = {
  'two writers of different bytes, a late request': 'LEN=4 PART=2 OPENS=1 LATES=1 CRASHES=0',
  'two writers of different bytes, each beginning twice': 'LEN=4 PART=2 OPENS=2 LATES=0 CRASHES=0',
  'a small upload, two writers, a late request': 'LEN=3 PART=3 OPENS=1 LATES=1 CRASHES=0',
  'a small upload, two writers, each beginning twice, a crash': 'LEN=3 PART=3 OPENS=2 LATES=0 CRASHES=1',
  'a small upload, three writers': 'LEN=2 PART=2 WRITERS=3 OPENS=1 LATES=0 CRASHES=0',
  'the same bytes: it never fails': 'LEN=4 PART=2 CONTENTS=1 OPENS=1 LATES=1 CRASHES=0',
  'a termination: nothing is left': 'LEN=4 PART=2 OPENS=1 LATES=0 CRASHES=0 TERMINATES',
  'a termination of a small upload: nothing is left': 'LEN=2 PART=2 OPENS=1 LATES=0 CRASHES=0 TERMINATES',
  'the provider drops the multipart upload': 'LEN=4 PART=2 OPENS=2 LATES=0 CRASHES=0 DROPS',
  'opaque ETags: it may fail, but is never wrong': 'LEN=4 PART=2 CONTENTS=1 OPAQUE OPENS=1 LATES=1 CRASHES=0',
}

// What is taken away → where the model finds it; and how, where depth first takes too long.
const MUTATIONS = {
  'commits without If-Match': ['M_NO_SWAP', 'LEN=4 PART=2 OPENS=1 LATES=0 CRASHES=0'],
  'slots written without a condition': ['M_UNCONDITIONAL_SLOT', 'LEN=4 PART=2 OPENS=2 LATES=0 CRASHES=0'],
  'segments without a nonce': ['M_NO_NONCE', 'LEN=2 PART=2 WRITERS=3 OPENS=1 LATES=1 CRASHES=0', '-DBFS'],
  'no fence before a slot is written over': ['M_NO_FENCE', 'LEN=2 PART=2 OPENS=1 LATES=0 CRASHES=0'],
  'a slot that the record names is written': ['M_SLOT_NOT_FREE', 'LEN=3 PART=3 OPENS=1 LATES=0 CRASHES=0'],
  'slots deleted before the commit': ['M_SLOTS_BEFORE_COMMIT', 'LEN=2 PART=2 OPENS=1 LATES=0 CRASHES=0'],
  'a whole upload without If-None-Match': ['M_WHOLE_UNCONDITIONAL', 'LEN=2 PART=2 OPENS=1 LATES=0 CRASHES=0'],
  'completion names whatever is there': ['M_NO_CHAIN', 'LEN=4 PART=2 OPENS=2 LATES=0 CRASHES=0'],
  'an offered multipart upload is aborted': ['M_ABORT_ALWAYS', 'LEN=4 PART=2 OPENS=2 LATES=1 CRASHES=0'],
  'a missing multipart upload counts as complete': [
    'M_MISSING_IS_DONE',
    'LEN=4 PART=2 OPENS=1 LATES=0 CRASHES=0 DROPS',
  ],
}

for (const tool of ['spin', 'gcc']) {
  if (spawnSync(tool, [tool === 'spin' ? '-V' : '--version']).error) {
    console.error(`${tool} is missing: the model is checked with spin and gcc (Debian: apt-get install spin gcc).`)
    process.exit(1)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-model-'))
const run = (command, args) => spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 })

/**
 * @param flags of the verifier: breadth first finds the shortest way to a failure
 * @returns how many states were seen, and the assertion that does not hold, if one does not
 */
function check(defines, ...flags) {
  const made = run('spin', ['-a', ...defines.split(' ').map((define) => `-D${define}`), MODEL])
  if (made.status !== 0) throw new Error(`spin: ${made.stdout}${made.stderr}`)
  const built = run('gcc', ['-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-DVECTORSZ=4096', ...flags, '-o', 'pan', 'pan.c'])
  if (built.status !== 0) throw new Error(`gcc: ${built.stderr}`)
  const { stdout } = run('./pan', ['-m500000', '-w24'])
  const states = /(\S+) states, stored/.exec(stdout)?.[1]
  const errors = /errors: (\d+)/.exec(stdout)?.[1]
  if (errors === undefined || /max search depth too small|out of memory/.test(stdout)) throw new Error(`pan: ${stdout}`)
  return { states: Number(states), failure: errors === '0' ? undefined : /pan:1: (.*)/.exec(stdout)?.[1] }
}

let isGood = true
function say(name, holds, text) {
  isGood &&= holds
  console.log(`${holds ? 'ok    ' : 'NOT OK'} ${name}: ${text}`)
}

try {
  for (const [name, bounds] of Object.entries(HOLDS)) {
    const { states, failure } = check(bounds)
    say(name, failure === undefined, failure ?? `${states} states`)
  }
  for (const [name, [rule, bounds, ...flags]] of Object.entries(MUTATIONS)) {
    const { failure } = check(`${rule} ${bounds}`, ...flags)
    say(`without the rule, ${name}`, failure !== undefined, failure ? `found: ${failure.slice(0, 100)}` : 'not found')
  }
} finally {
  rmSync(folder, { recursive: true })
}
process.exit(isGood ? 0 : 1)
