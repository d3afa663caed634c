/** The files of the proxies, as they are shipped and with nothing set, by the proxies' own checks. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../test/cli/command.js'
import { certificateIn, nginxMain } from './fronts.js'
import { DEPLOY, isChosen, run, toolOf } from './tools.js'

if (isChosen('nginx')) {
  test('nginx -t takes the three files of deploy/nginx', (context) => {
    const folder = temporaryFolder(context)
    const own = (name: string): string => readFileSync(join(DEPLOY, 'nginx', name), 'utf8')
    const path = nginxMain(folder, { 'nodes.conf': own('nodes.conf'), 'listen.conf': own('listen.conf') })
    const { cert, key } = certificateIn(folder)
    copyFileSync(cert, join(folder, 'holdfast', 'fullchain.pem'))
    copyFileSync(key, join(folder, 'holdfast', 'privkey.pem'))
    const { code, text } = run(toolOf('nginx'), ['-t', '-c', path, '-p', folder, '-e', join(folder, 'error.log')])
    assert.equal(code, 0, text)
    assert.doesNotMatch(text, /\[(warn|error|emerg)\]/)
  })
}

if (isChosen('haproxy')) {
  test('haproxy -c has nothing to say about deploy/haproxy', (context) => {
    const { pem } = certificateIn(temporaryFolder(context))
    const path = join(DEPLOY, 'haproxy', 'haproxy.cfg')
    const { code, text } = run(toolOf('haproxy'), ['-c', '-V', '-f', path], { env: { HOLDFAST_CERTIFICATE: pem } })
    assert.equal(code, 0, text)
    assert.match(text, /Configuration file is valid/)
    assert.doesNotMatch(text, /WARNING|ALERT/)
  })
}

if (isChosen('caddy')) {
  const path = join(DEPLOY, 'caddy', 'Caddyfile')
  test('caddy validate takes deploy/caddy', () => {
    const { code, text } = run(toolOf('caddy'), ['validate', '--config', path, '--adapter', 'caddyfile'])
    assert.equal(code, 0, text)
    assert.match(text, /Valid configuration/)
    assert.doesNotMatch(text, /"level":"(warn|error)"/)
  })

  test('caddy fmt would write it as it is', () => {
    assert.equal(run(toolOf('caddy'), ['fmt', path]).stdout, readFileSync(path, 'utf8'))
  })
}
