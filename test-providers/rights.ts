/**
 * `holdfast doctor` with credentials that lack rights, on servers that can limit them: each missing permission is named.
 * @module
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NEEDED_ON_OBJECTS } from '../src/s3/doctor/policy.js'
import { runCommand } from '../test/cli/command.js'
import { argsFor, type DoctorReport, environmentOf } from './doctor.js'
import { KNOWN, type RunningServer } from './servers/index.js'

/** What the credentials may not, and what the doctor must then name. */
const ROWS: readonly [missing: readonly string[], needed: readonly string[], useful: readonly string[]][] = [
  [['s3:AbortMultipartUpload'], ['s3:AbortMultipartUpload'], []],
  [['s3:ListMultipartUploadParts'], ['s3:ListMultipartUploadParts'], []],
  [
    ['s3:ListMultipartUploadParts', 's3:AbortMultipartUpload', 's3:DeleteObject'],
    ['s3:ListMultipartUploadParts', 's3:AbortMultipartUpload', 's3:DeleteObject'],
    [],
  ],
  [['s3:GetObject'], ['s3:GetObject'], []],
  [['s3:PutObject'], ['s3:PutObject'], []],
  [['s3:ListBucket'], [], ['s3:ListBucket']],
]

export function rights(server: RunningServer): void {
  const { limited, bucket } = server
  if (limited === undefined) return
  const { unlimited = [] } = KNOWN[server.name]
  describe('the doctor with credentials that lack rights', () => {
    test('with all of them nothing is missing', async () => {
      const { code, report } = await diagnosed(server, await limited(policyWithout([], bucket)))
      assert.deepEqual([code, report.missing], [0, { needed: [], useful: [] }])
    })

    for (const [missing, needed, useful] of ROWS) {
      // What a server does not ask for, nobody can lack.
      if (missing.some((action) => unlimited.includes(action))) continue
      test(`without ${missing.join(', ')}: named, and nothing else`, async () => {
        const { code, report } = await diagnosed(server, await limited(policyWithout(missing, bucket)))
        assert.deepEqual([[...report.missing.needed].sort(), report.missing.useful], [[...needed].sort(), useful])
        assert.equal(code, needed.length > 0 ? 1 : 0)
      })
    }
  })
}

async function diagnosed(server: RunningServer, keys: Parameters<typeof environmentOf>[0]) {
  const run = await runCommand([...argsFor(server), '--quick', '--json'], environmentOf(keys))
  assert.ok(run.stdout, run.stderr)
  return { code: run.code, report: JSON.parse(run.stdout) as DoctorReport }
}

/**
 * As IAM has it, without a principal. What is missing is denied besides: on Ceph who wrote an object may read it, whatever
 * the policy does not say.
 */
function policyWithout(missing: readonly string[], bucket: string) {
  const arn = `arn:aws:s3:::${bucket}`
  const Resource = [arn, `${arn}/*`]
  const allowed = [...NEEDED_ON_OBJECTS, 's3:ListBucket'].filter((action) => !missing.includes(action))
  const denial = missing.length > 0 ? [{ Effect: 'Deny', Action: [...missing], Resource }] : []
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: allowed, Resource }, ...denial] }
}
