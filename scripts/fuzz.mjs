// A long run of test/hostile: `npm run test:fuzz -- 30` for thirty minutes; HOLDFAST_FUZZ_MINUTES, or ten, without a number.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const minutes = Number(process.argv[2] ?? process.env.HOLDFAST_FUZZ_MINUTES ?? 10)
if (!(minutes > 0)) {
  console.error('The argument must be a number of minutes, such as 30.')
  process.exit(1)
}
const { status } = spawnSync(
  process.execPath,
  [join(import.meta.dirname, 'test.mjs'), 'test/hostile', `--test-timeout=${(minutes + 10) * 60_000}`],
  { stdio: 'inherit', env: { ...process.env, HOLDFAST_FUZZ_MINUTES: String(minutes) } },
)
process.exit(status ?? 1)
