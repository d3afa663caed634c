/** The ways of running Holdfast on which rules are tested, as the runner counts them. @module */
import { STORES } from '../../test/support/matrix.js'

/** The two ways into the server. Which version of HTTP node speaks is no rule of these specifications; test/e2e/ has that. */
export const ADAPTERS = ['node', 'fetch'] as const

export const GROUNDS: readonly string[] = STORES.flatMap((store) => ADAPTERS.map((adapter) => `${store}/${adapter}`))
