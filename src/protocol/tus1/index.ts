/**
 * tus 1.0.0 (https://tus.io/protocols/resumable-upload), with creation, creation-with-upload, creation-defer-length
 * and termination.
 * @module
 */
import type { Codec } from '../codec.js'
import { parse } from './parse.js'
import { render, renderFailure } from './render.js'

export const tus1 = { parse, render, renderFailure } satisfies Codec
