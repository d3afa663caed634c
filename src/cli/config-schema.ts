/**
 * The JSON Schema of the configuration file, from the table of options; editors complete and check by it. Pure.
 * @module
 */
import { type Row, type Rows, rowsOf } from './options.js'
import { camelCase } from './read-options.js'
import type { ValueType } from './values.js'

type Schema = Readonly<Record<string, unknown>>

const SIZE = { type: ['string', 'integer'], pattern: '^\\d+(\\.\\d+)? ?([KMGTkmgt][Ii]?[Bb]|[Bb])?$' }
const LIST = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }

/** What a file may have in the place of a text; `${…}` is always one. */
const TYPES: Readonly<Record<ValueType, Schema>> = {
  string: { type: ['string', 'number'] },
  integer: { type: 'integer' },
  count: { anyOf: [{ type: 'integer' }, { const: 'auto' }] },
  size: SIZE,
  duration: { type: 'string', pattern: '^(0|(\\d+(\\.\\d+)?(ms|s|m|h|d))+)$' },
  boolean: { type: 'boolean' },
  permissions: { type: ['string', 'integer'], pattern: '^0?o?[0-7]{3}$' },
  list: LIST,
  origins: LIST,
  lines: LIST,
}

const REFERENCE = { type: 'string', pattern: '\\$\\{' }

export function schemaOf(): object {
  const rows = Object.entries(rowsOf('serve') as Rows).filter(([name]) => name !== 'config')
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of holdfast serve',
    type: 'object',
    additionalProperties: false,
    properties: {
      $schema: { type: 'string' },
      ...Object.fromEntries(rows.flatMap(([name]) => spelt(name, name))),
      ...groupsOf(rows.map(([name]) => name)),
    },
    definitions: Object.fromEntries(rows.map(([name, row]) => [name, schemaFor(row)])),
  }
}

/** An option by its name, or what a group leaves of it, and the same in camel case. */
function spelt(written: string, name: string): [string, Schema][] {
  const spellings = new Set([written, camelCase(written)])
  return [...spellings].map((spelling) => [spelling, refer(name)])
}

const refer = (name: string): Schema => ({ $ref: `#/definitions/${name}` })

function schemaFor({ type, choices, min, max, help, default: otherwise }: Row): Schema {
  const bounds = type === 'integer' ? { minimum: min ?? 0, ...(max === undefined ? {} : { maximum: max }) } : {}
  const own = choices ? { enum: [...choices] } : { ...TYPES[type], ...bounds }
  const description = otherwise === undefined ? help : `${help} Default: ${otherwise}.`
  return { description, anyOf: [own, REFERENCE, { type: 'null' }] }
}

/** `s3: { bucket: … }`: what options have in common before their first dash. */
function groupsOf(names: readonly string[]): Record<string, Schema> {
  const groups = new Set(names.map((name) => name.split('-', 1)[0]!))
  return Object.fromEntries(
    [...groups].flatMap((group): [string, Schema][] => {
      const inside = names.filter((name) => name.startsWith(`${group}-`))
      if (inside.length < 2) return []
      const properties = Object.fromEntries(inside.flatMap((name) => spelt(name.slice(group.length + 1), name)))
      const schema = { type: 'object', additionalProperties: false, properties }
      return [[group, names.includes(group) ? { anyOf: [refer(group), schema] } : schema]]
    }),
  )
}
