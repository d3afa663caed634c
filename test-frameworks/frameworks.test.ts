/** The examples of examples/, installed and started as a user would, and used. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type App, start } from './app.js'
import { CHECKS, closes } from './checks.js'
import { chosen } from './frameworks.js'
import { install } from './install.js'
import { typesHold } from './types.js'

const TIMEOUT = { timeout: 60_000 }

for (const framework of chosen()) {
  const { name, start: script = 'start' } = framework
  describe(script === 'start' ? name : `${name}, ${script}`, () => {
    const running: App[] = []
    let uploads: string
    let folder: string
    let app: App
    let open: () => Promise<App>

    before(
      async () => {
        uploads = await mkdtemp(join(tmpdir(), 'holdfast-frameworks-'))
        folder = install(name)
        open = async () => {
          const one = await start(folder, script, join(uploads, 'uploads'), framework)
          running.push(one)
          return one
        }
        app = await open()
      },
      { timeout: 600_000 },
    )
    after(async () => {
      for (const one of running) one.kill()
      await rm(uploads, { recursive: true, force: true, maxRetries: 5 })
    })

    // Next looks when it builds, by itself.
    if (!name.startsWith('next')) test('its types hold', TIMEOUT, () => typesHold(folder, framework))

    for (const [rule, check] of CHECKS) test(rule, TIMEOUT, () => check(app, framework))

    test('SIGTERM while a client sends: it is told, what arrived is stored, and goes on elsewhere', TIMEOUT, () =>
      closes(app, open),
    )
  })
}
