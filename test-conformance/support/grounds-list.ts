/** The ways of running Holdfast on which rules are tested, as the runner counts them. @module */
import { ADAPTERS, STORES } from '../../test/support/matrix.js'

export const GROUNDS: readonly string[] = STORES.flatMap((store) => ADAPTERS.map((adapter) => `${store}/${adapter}`))
