import { holdfast } from '../lib/holdfast'

/**
 * What came of each upload is stored and committed when the server ends; clients go on from there. Nitro's hook `close`
 * comes too late: before it, Nitro waits for the requests under way.
 */
export default (): void => void process.once('SIGTERM', () => void holdfast.close())
