/**
 * The fault suite on a real S3 server: the scenarios of test-faults/, with parts as large as S3 wants them.
 * @module
 */
import { test } from 'node:test'
import { SCENARIOS } from '../../test-faults/support/scenarios.js'
import { faultSuite } from '../../test-faults/support/suite.js'
import { lookInto, type Target } from '../../test-faults/support/target.js'
import { chosenServers, SERVERS, type Server, type ServerName, startServer } from '../servers/index.js'

/** Every how manieth point is tried, where HOLDFAST_FAULTS_SHARE says nothing: a point moves up to 30 MiB here. */
const SHARE = 12

/** Registers the tests of one server, if it is among those chosen. */
export async function providerFaults(name: ServerName): Promise<void> {
  if (!chosenServers().includes(name)) {
    test(`${name} is not among HOLDFAST_PROVIDERS`, { skip: true })
    return
  }
  const server = await startServer(name)
  const { title, version, capabilities }: Server = SERVERS[name]
  const client = server.client()
  const target: Target = {
    ...server,
    name: `${title} ${version}`,
    capabilities: { missingKey: 'absent', ...capabilities },
    partSize: 5 * 1024 * 1024,
    bucketOf: lookInto(client, server.bucket),
    async close() {
      client.destroy()
      await server.stop()
    },
  }
  // Without conditional writes a locker keeps several nodes apart, and nothing keeps off what S3 does late.
  const isSafe = capabilities.conditionalWrites !== 'none'
  await faultSuite(target, {
    scenarios: SCENARIOS.filter(({ several }) => isSafe || !several),
    kinds: ({ name: kind }) => isSafe || !kind.includes('only after its retry'),
    share: SHARE,
    lanes: 3,
  })
}
