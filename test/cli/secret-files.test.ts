import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UsageError } from '../../src/cli/failure.js'
import { readSecretFiles } from '../../src/cli/secret-files.js'
import { runCommand, temporaryFolder } from './command.js'

test('credentials in files are as if they were in the environment, for workers too', (context) => {
  const path = join(temporaryFolder(context), 'key')
  writeFileSync(path, 'secret\n')
  const environment: Record<string, string> = { AWS_SECRET_ACCESS_KEY_FILE: path, AWS_SHARED_CREDENTIALS_FILE: 'other' }
  readSecretFiles(environment)
  assert.deepEqual(environment, { AWS_SECRET_ACCESS_KEY: 'secret', AWS_SHARED_CREDENTIALS_FILE: 'other' })
  readSecretFiles(environment)
})

test('a file that is not there, and a value beside it, are refused', async () => {
  const both = { AWS_REGION: 'x', AWS_REGION_FILE: 'y' }
  assert.throws(
    () => readSecretFiles(both),
    new UsageError('AWS_REGION and AWS_REGION_FILE are both set; one is enough.'),
  )
  const { code, stderr } = await runCommand(['config', 'check'], { AWS_ACCESS_KEY_ID_FILE: '/none' })
  assert.equal(code, 2)
  assert.equal(stderr, 'holdfast: AWS_ACCESS_KEY_ID_FILE: the file /none cannot be read (ENOENT).\n')
})
