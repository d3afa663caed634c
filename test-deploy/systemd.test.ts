/** deploy/systemd: what systemd itself says about the units, without starting them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../test/cli/command.js'
import { DEPLOY, isChosen, run, toolOf } from './tools.js'

const FOLDER = join(DEPLOY, 'systemd')
const UNITS = readdirSync(FOLDER).filter((name) => /\.(service|timer)$/.test(name))
const SERVICES = UNITS.filter((name) => name.endsWith('.service'))

/** Tenths: systemd's own measure of what a service may do, from 0 (nothing) to 100. */
const EXPOSURE = 15

const analyze = (...args: string[]) =>
  run(toolOf('systemd-analyze'), args, { env: { SYSTEMD_PAGER: '', NO_COLOR: '1' } })

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
