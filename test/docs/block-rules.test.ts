import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { UsageError } from '../../src/cli/failure.js'
import { checkCommandLine } from '../../src/cli/main.js'
import { type Block, blocksOf } from './blocks/block.js'
import { compile } from './blocks/code.js'
import { CURL_IS_MISSING, usesCurl } from './blocks/commands.js'
import { fileThatHas } from './blocks/excerpt.js'
import { messagesOf } from './blocks/http.js'
import { openPlace, type Place } from './blocks/place.js'
import { check } from './blocks/rules.js'
import { commandsOf } from './blocks/shell.js'

const blockOf = (language: string, text: string, mark = ''): Block =>
  blocksOf('docs/a.md', `# A\n\n${mark}\`\`\`${language}\n${text}\n\`\`\`\n`)[0]!

const WRONG_CODE = {
  'an option that is not there': blockOf('ts', 'createServer({ store, expires: 1 })'),
  'a name that nobody gives': blockOf('ts', "import { createServer } from 'holdfast'\ncreateServer({ store: mine })"),
  'an import that is missing in code with imports': blockOf('ts', "import 'node:http'\ncreateServer({ store })"),
  'a package that is not there': blockOf('js', "import { serve } from 'no-such-package'\nserve()"),
}
const FAILING_CODE = {
  'code that throws': blockOf('ts', "if (store.maxObjectSize !== 1) throw new Error('no')"),
  'a rejection that nobody handles': blockOf('js', "Promise.reject(new Error('no'))"),
  'an upload to a path where no server is': blockOf(
    'js',
    "const answer = await fetch('http://127.0.0.1:1080/nowhere/')\nif (!answer.ok) throw new Error('no')",
  ),
}
const project = compile(
  [...Object.values(WRONG_CODE), ...Object.values(FAILING_CODE)].map((block, at) => moved(block, at)),
)
after(() => project.remove())

/** On a line of its own, which its name is made of. */
function moved(block: Block, at: number): Block {
  return Object.assign(block, { line: 10 + at })
}

let opening: Promise<Place> | undefined
const place = (): Promise<Place> => {
  opening ??= openPlace()
  return opening
}
after(async () => (await opening)?.close())
const ground = { place, project }

for (const [what, block] of Object.entries(WRONG_CODE)) {
  test(`${what} does not compile`, () => assert.notDeepEqual(project.complaints(block), []))
}

for (const [what, block] of Object.entries(FAILING_CODE)) {
  test(`${what} compiles, and fails when it is run`, async () => {
    assert.deepEqual(project.complaints(block), [])
    await assert.rejects(project.run(block, await place()), /ended with 1/)
  })
}

test('a complaint of the compiler names the line of the page', () => {
  const block = WRONG_CODE['an option that is not there']
  assert.match(project.complaints(block)[0]!, new RegExp(`^docs/a.md:${block.line}: TS2353`))
})

for (const [what, block, complaint] of [
  [
    'a flag that holdfast does not have',
    blockOf('sh', 'npx holdfast serve --bucket media'),
    /docs\/a.md:4: .*--bucket/,
  ],
  ['a value that cannot be', blockOf('sh', 'true\nholdfast serve --port many'), /docs\/a.md:5: .*not an integer/],
  ['a variable with a value that cannot be', blockOf('sh', 'HOLDFAST_PORT=many holdfast serve'), /HOLDFAST_PORT/],
  ['a command of ours in a container', blockOf('sh', 'docker run -p 1:1 holdfast serve --no'), /--no/],
  [
    'a file that is not there',
    blockOf('sh', 'kubectl apply -f deploy/no-such/file.yaml'),
    /there is no deploy\/no-such/,
  ],
  ['an npm script that is not there', blockOf('sh', 'npm run nothing'), /no script 'nothing'/],
  ['a package that no test uses', blockOf('sh', 'npm install left-pad'), /left-pad/],
  ['a program that no rule is for', blockOf('sh', 'echo a | frobnicate'), /no rule for 'frobnicate'/],
  ['a program in a substitution', blockOf('sh', 'a="$(frobnicate)"'), /no rule for 'frobnicate'/],
  ['a script with a fault', blockOf('sh', '#!/bin/sh\nif true; then echo a'), /syntax|Syntax|unexpected/],
  ['a command of the console', blockOf('console', '$ holdfast serve --no\nanswer'), /--no/],
  ['a block of a language that no rule is for', blockOf('cobol', 'STOP RUN'), /these lines of cobol/],
  [
    'a configuration with an option that is not there',
    blockOf('yaml', '# $schema=docs/configuration.schema.json\nprot: 80'),
    /docs\/a.md:4: .*prot/,
  ],
  ['plain text', blockOf('', 'something'), /nothing checks plain text/],
  ['json that nothing reads', blockOf('json', '{ "a": 1 }'), /what reads it/],
  ['a record that is none', blockOf('json', '{ "Holdfast": {}, "ID": 1 }'), /a record|record/],
  ['a policy that allows too much', blockOf('json', '{ "Statement": [{ "Resource": "arn:aws:s3:::a" }] }'), /doctor/],
  [
    'a test that is not there',
    blockOf('python', 'a', '<!-- block: run by test/no.ts -->\n'),
    /there is no test\/no.ts/,
  ],
  [
    'a test that names another page',
    blockOf('python', 'a', '<!-- block: run by test/docs/docs.test.ts -->\n'),
    /does not name/,
  ],
  ['an answer that is another', blockOf('http', 'GET /files/no HTTP/1.1\n\nHTTP/1.1 200 OK'), /404 !== 200/],
  [
    'a field that is another',
    blockOf('http', 'OPTIONS /files/ HTTP/1.1\n\nHTTP/1.1 204 No Content\nTus-Version: 2'),
    /Tus-Version/,
  ],
  ['curl that is refused', blockOf('sh', 'curl -s http://127.0.0.1:1080/files/no'), /the answer was 404/],
  ['a server that cannot serve', blockOf('sh', 'holdfast serve --tls-cert no.pem --tls-key no.pem'), /ended with/],
] as const) {
  test(`${what} is found out`, { skip: usesCurl(block) && CURL_IS_MISSING }, async () => {
    await assert.rejects(
      async () => check(block, ground),
      (error: Error) => complaint.test(error.message),
    )
  })
}

test('curl asks the server that the block starts', { skip: CURL_IS_MISSING }, async () => {
  const served = 'npm ci\nnpx holdfast serve --port 8080 --base-path /here\ncurl -X OPTIONS http://127.0.0.1:'
  await check(blockOf('sh', `${served}8080/here/`), ground)
  await assert.rejects(async () => check(blockOf('sh', `${served}8080/elsewhere/`), ground), /the answer was 404/)
})

test('what is to be refused is marked so', { skip: CURL_IS_MISSING }, async () => {
  await check(blockOf('sh', 'curl -s http://127.0.0.1:1080/files/no', '<!-- block: answers 404 -->\n'), ground)
})

test('a mark that means nothing fails', () => {
  assert.throws(() => blockOf('sh', 'a', '<!-- block: whatever -->\n'), /docs\/a.md:5: a mark is/)
})

for (const [what, script, words] of [
  ['comments and lines that go on', 'a b \\\n  c # d\n# e', [['a', 'b', 'c']]],
  ['quotes', `a 'b c' "d \\"e" f\\ g`, [['a', 'b c', 'd "e', 'f g']]],
  ['pipes, lists and redirections', 'a 2> b | c > d && e < f; g &', [['a'], ['c'], ['e'], ['g']]],
  ['variables before a command', 'A=1 B="2 3" c', [['c']]],
  ['substitutions', 'x=$(a | b) c "$(d)"', [['c', '$(d)'], ['a'], ['b'], ['d']]],
  ['conditions and loops', 'if [ a ]; then b; fi\nwhile c; do d; done', [['[', 'a', ']'], ['b'], ['c'], ['d']]],
  ['here-documents', "cat > a << 'EOF'\nb | c\nEOF\nd", [['cat'], ['d']]],
] as const) {
  test(`the commands of a script: ${what}`, () => {
    assert.deepEqual(
      commandsOf(script).map((command) => command.words),
      words,
    )
  })
}

test('blocks are found with their line, in lists too, and without their indentation', () => {
  const page = '# A\n\n- b\n\n  ```sh\n  c\n    d\n  ```\n\n````md\n```sh\n```\n````\n'
  assert.deepEqual(
    blocksOf('p', page).map(({ line, language, text }) => [line, language, text]),
    [
      [6, 'sh', 'c\n  d\n'],
      [11, 'md', '```sh\n```\n'],
    ],
  )
})

test('an excerpt is lines that follow each other, with gaps where it says so', () => {
  const [first, second, third] = ['const { UPLOADS', 'server.requestTimeout = 0', 'no such line anywhere']
  assert.equal(fileThatHas(`${second}\nserver.listen(Number(PORT), '127.0.0.1', () => {`)?.split('/')[0], 'examples')
  assert.ok(fileThatHas("import http from 'node:http'\n// …\nserver.requestTimeout = 0"))
  assert.ok(
    fileThatHas(
      "// Said otherwise here.\nserver.requestTimeout = 0\n\nserver.listen(Number(PORT), '127.0.0.1', () => {",
    ),
  )
  assert.equal(fileThatHas("server.requestTimeout = 0\n// …\nimport http from 'node:http'"), undefined)
  assert.equal(fileThatHas(`${second}\n${third}`), undefined)
  assert.equal(fileThatHas(`${first}\n${second}`), undefined)
})

test('messages of HTTP have heads and bodies', () => {
  const text = 'POST /a HTTP/1.1\nB: c: d\n\ne\n\nf\n\nHTTP/1.1 200 OK\n'
  assert.deepEqual(messagesOf(text), [
    { start: 'POST /a HTTP/1.1', fields: [['B', 'c: d']], body: 'e\n\nf' },
    { start: 'HTTP/1.1 200 OK', fields: [], body: undefined },
  ])
})

test('a command line is checked without being run', async () => {
  await checkCommandLine(['serve', '--port', '0', '--workers', 'auto'], {})
  await checkCommandLine(['upload', 'a', '--to', 'http://127.0.0.1/'], {})
  await checkCommandLine(['--version'], {})
  await checkCommandLine(['serve', '--help'], {})
  for (const words of [['serve', '--no'], ['serve', 'more'], ['upload'], ['nothing'], ['serve', '--port', 'x']]) {
    await assert.rejects(checkCommandLine(words, {}), UsageError, words.join(' '))
  }
  await assert.rejects(checkCommandLine(['serve'], { HOLDFAST_PORT: 'x' }), UsageError)
})
