/** deploy/systemd: what systemd itself says about the units, without starting them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand, startServer, temporaryFolder } from '../test/cli/command.js'
import { openBucket, sha256, someBytes } from '../test/support/stack.js'
import { upload } from '../test/support/tus-js-client.js'
import { freePorts } from '../test-providers/servers/process.js'
import { DEPLOY, isChosen, run, toolOf } from './tools.js'

const FOLDER = join(DEPLOY, 'systemd')
const UNITS = readdirSync(FOLDER).filter((name) => /\.(service|timer)$/.test(name))
const SERVICES = UNITS.filter((name) => name.endsWith('.service'))

/** Tenths: systemd's own measure of what a service may do, from 0 (nothing) to 100. */
const EXPOSURE = 15

const analyze = (...args: string[]) =>
  run(toolOf('systemd-analyze'), args, { env: { SYSTEMD_PAGER: '', NO_COLOR: '1' } })

const variablesOf = (name: string, line: RegExp): Record<string, string> =>
  Object.fromEntries([...readFileSync(join(FOLDER, name), 'utf8').matchAll(line)].map(([, key, value]) => [key, value]))

if (isChosen('systemd')) {
  for (const unit of UNITS) {
    test(`systemd-analyze verify has nothing to say about ${unit}`, () => {
      assert.deepEqual(analyze('verify', join(FOLDER, unit)), { code: 0, stdout: '', text: '' })
    })
  }

  for (const unit of SERVICES) {
    test(`${unit} may do little: its exposure is at most ${EXPOSURE / 10}`, () => {
      const { code, text } = analyze('security', '--offline=true', `--threshold=${EXPOSURE}`, join(FOLDER, unit))
      const [summary] = text.match(/Overall exposure level.*/) ?? ['']
      console.log(summary)
      assert.match(summary, /: \d\.\d OK/)
      assert.equal(code, 0, summary)
    })
  }

  test('both services: their commands, with the variables of their files, and keys in a file', async (context) => {
    const bucket = await openBucket()
    context.after(() => bucket.close())
    const folder = temporaryFolder(context)
    const { endpoint, region, credentials } = bucket.bucket
    const { accessKeyId, secretAccessKey } = credentials
    const keys = `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`
    writeFileSync(join(folder, 'aws'), keys)
    const [port] = (await freePorts(1)) as [number]
    const here = { HOLDFAST_S3_ENDPOINT: endpoint, HOLDFAST_PORT: String(port), AWS_REGION: region }
    const [serve, sweep] = ['holdfast', 'holdfast-sweep'].map((name) => {
      const unit = readFileSync(join(FOLDER, `${name}.service`), 'utf8')
      const { credential } = /^LoadCredential=(?<credential>\w+):/m.exec(unit)!.groups!
      assert.equal(credential, 'aws')
      const variables = {
        ...variablesOf('holdfast.env', /^(\w+)=(.*)$/gm),
        ...variablesOf(`${name}.service`, /^Environment=(\w+)=(.*)$/gm),
      }
      const own = Object.entries(variables).map(([variable, value]) => [variable, value.replace('%d', folder)])
      return { args: [/^ExecStart=.* (\w+)$/m.exec(unit)![1]!], environment: { ...Object.fromEntries(own), ...here } }
    })
    const server = await startServer(context, serve!.args, serve!.environment)
    const bytes = someBytes(3 * 1024 * 1024)
    const { url } = await upload(bytes, { endpoint: server.url })
    assert.equal((await bucket.object(new URL(url).pathname.split('/').at(-1)!)).sha256, sha256(bytes))
    const { code, stdout, stderr } = await runCommand(sweep!.args, sweep!.environment)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^1 records listed/)
  })

  test('a unit with a mistake, or with a right too many, is found', (context) => {
    const folder = temporaryFolder(context)
    const text = readFileSync(join(FOLDER, SERVICES[0]!), 'utf8')
    const lay = (name: string, from: RegExp, to: string): string => {
      assert.match(text, from)
      writeFileSync(join(folder, name), text.replace(from, to))
      return join(folder, name)
    }
    assert.match(analyze('verify', lay('a.service', /^UMask=/m, 'UMusk=')).text, /Unknown key (name )?'UMusk'/)
    assert.match(
      analyze('verify', lay('b.service', /^ExecStart=\/usr/m, 'ExecStart=/nowhere')).text,
      /is not executable/,
    )
    const open = lay('c.service', /^CapabilityBoundingSet=\n/m, '')
    assert.notEqual(analyze('security', '--offline=true', `--threshold=${EXPOSURE}`, open).code, 0)
  })
}
