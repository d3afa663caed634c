/**
 * Protocol Buffers by tables: messages are objects, their fields are named as in the table and have the numbers there. Only
 * what hooks need: texts, flags, whole numbers, lists and maps of texts, messages in messages. Pure.
 * @module
 */

/** 'texts' is `repeated string`, 'map' is `map<string, string>`. */
type Kind = 'text' | 'flag' | 'int64' | 'texts' | 'map' | Table

/** Field by name: its number and kind. */
export interface Table {
  readonly [name: string]: readonly [number: number, kind: Kind]
}

type Message = Readonly<Record<string, unknown>>

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

const ENTRY: Table = { key: [1, 'text'], value: [2, 'text'] }

/** Fields that are undefined, null or have the value that proto3 takes for granted are left out. */
export function encode(table: Table, message: Message): Buffer {
  const parts: Uint8Array[] = []
  const add = (number: number, wireType: number, ...content: Uint8Array[]): void => {
    parts.push(varint((number << 3) | wireType), ...content)
  }
  const addBytes = (number: number, bytes: Uint8Array): void => add(number, BYTES, varint(bytes.length), bytes)
  for (const [name, [number, kind]] of Object.entries(table)) {
    const value = message[name]
    if (value === undefined || value === null) continue
    if (kind === 'texts') for (const item of value as string[]) addBytes(number, Buffer.from(item))
    else if (kind === 'map') {
      for (const [key, item] of Object.entries(value)) addBytes(number, encode(ENTRY, { key, value: item }))
    } else if (kind === 'text') value !== '' && addBytes(number, Buffer.from(value as string))
    else if (kind === 'flag' || kind === 'int64') value && add(number, VARINT, varint(Number(value)))
    else addBytes(number, encode(kind, value as Message))
  }
  return Buffer.concat(parts)
}

/** Seven bits a byte, the lowest first; below zero in two's complement of 64 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 127n) | 128)
  }
}

/**
 * Fields that were not sent are absent. What the table does not know is passed over.
 * @throws Error if it is no message
 */
export function decode(table: Table, bytes: Buffer): Record<string, unknown> {
  const fields = new Map(Object.entries(table).map(([name, [number, kind]]) => [number, { name, kind }]))
  const message: Record<string, unknown> = {}
  const reader = readerOf(bytes)
  while (reader.hasMore()) {
    const tag = Number(reader.varint())
    const wireType = tag & 7
    const field = fields.get(tag >>> 3)
    const value = reader.value(wireType)
    if (field) put(message, field.name, field.kind, value)
  }
  return message
}

function put(message: Record<string, unknown>, name: string, kind: Kind, value: bigint | Buffer): void {
  if (kind === 'flag' || kind === 'int64') {
    if (typeof value !== 'bigint') throw new Error(`${name} has another type`)
    message[name] = kind === 'flag' ? value !== 0n : Number(BigInt.asIntN(64, value))
    return
  }
  if (typeof value === 'bigint') throw new Error(`${name} has another type`)
  if (kind === 'text') message[name] = value.toString('utf8')
  else if (kind === 'texts') message[name] = [...((message[name] as string[]) ?? []), value.toString('utf8')]
  else if (kind === 'map') {
    const { key = '', value: item = '' } = decode(ENTRY, value)
    message[name] = { ...(message[name] as object), [key as string]: item }
  } else message[name] = { ...(message[name] as object), ...decode(kind, value) }
}

function readerOf(bytes: Buffer) {
  let at = 0
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new Error('the message ends too early')
    at += length
    return bytes.subarray(at - length, at)
  }
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = take(1)[0]!
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw new Error('a number of the message is too long')
  }
  return {
    hasMore: () => at < bytes.length,
    varint,
    value(wireType: number): bigint | Buffer {
      if (wireType === VARINT) return varint()
      if (wireType === BYTES) return take(Number(varint()))
      if (wireType === FIXED64) return take(8)
      if (wireType === FIXED32) return take(4)
      throw new Error('the message has a field of no known type')
    },
  }
}
