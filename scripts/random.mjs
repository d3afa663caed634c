// A long run of test/properties: `npm run test:random -- 30` for thirty minutes; ten without a number.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const minutes = Number(process.argv[2] ?? 10)
if (!(minutes > 0)) {
  console.error('The argument must be a number of minutes, such as 30.')
  process.exit(1)
}
// A failure that is found at the end still has time to be made smaller.
const timeout = (minutes + 5) * 60_000
const { status } = spawnSync(
  process.execPath,
  [join(import.meta.dirname, 'test.mjs'), 'test/properties', `--test-timeout=${timeout}`],
  { stdio: 'inherit', env: { ...process.env, HOLDFAST_TEST_MINUTES: String(minutes) } },
)
process.exit(status ?? 1)
