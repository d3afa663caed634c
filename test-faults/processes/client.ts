/**
 * What clients of these tests do.
 * @module
 */
import { type Answer, send } from '../../test/properties/request.js'
import type { Server } from './world.js'

const TYPE = { 'Content-Type': 'application/offset+octet-stream' }

export async function create(server: Server, length: number): Promise<string> {
  const answer = await send({ method: 'POST', url: server.url, fields: { 'Upload-Length': String(length) } })
  if (answer.status !== 201) throw new Error(`POST: ${answer.status} ${answer.body}`)
  return String(answer.fields.location).split('/').at(-1)!
}

export const head = (server: Server, id: string): Promise<Answer> =>
  send({ method: 'HEAD', url: `${server.url}${id}`, fields: {} })

export const terminate = (server: Server, id: string): Promise<Answer> =>
  send({ method: 'DELETE', url: `${server.url}${id}`, fields: {} })

export const read = (server: Server, id: string): Promise<Answer> =>
  send({ method: 'GET', url: `${server.url}${id}`, fields: {} })

/** Sent without Content-Length: the server then chooses its own size of parts. */
export const patch = (server: Server, id: string, offset: number, bytes: Uint8Array, cut?: number): Promise<Answer> =>
  send({
    method: 'PATCH',
    url: `${server.url}${id}`,
    fields: { ...TYPE, 'Upload-Offset': String(offset) },
    body: { bytes, chunks: [9_001], saysLength: false, cut },
  })

export const offsetOf = ({ fields }: Answer): number => Number(fields['upload-offset'])

/** Sends the rest, from wherever the upload is, until it is told to be finished or to have ended. @returns the last answer */
export async function finish(server: Server, id: string, bytes: Uint8Array): Promise<Answer> {
  for (let turn = 0; turn < 20; turn++) {
    const asked = await head(server, id)
    if (asked.status !== 200 && asked.status !== 503 && asked.status !== 423) return asked
    if (asked.status === 200 && offsetOf(asked) === bytes.length) return asked
    if (asked.status === 200) await patch(server, id, offsetOf(asked), bytes.subarray(offsetOf(asked)))
  }
  throw new Error('it does not come to an end')
}
