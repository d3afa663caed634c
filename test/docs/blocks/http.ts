/**
 * Requests and answers as they go over the wire: each request is sent to a server, and its answer compared in the lines
 * that are shown. `…` stands for anything. What a page calls an upload, in the Location of its creation, it may use later.
 * @module
 */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type Block, placeOf } from './block.js'
import type { Place } from './place.js'

interface Message {
  start: string
  fields: [name: string, value: string][]
  body: string | undefined
}

/** Messages follow each other, each begun by a request line or a status line. */
export function messagesOf(text: string): Message[] {
  const heads = /^(?=(?:[A-Z]+ \S+ HTTP\/1\.1|HTTP\/1\.1 \d{3}.*)$)/m
  return text
    .split(heads)
    .filter((message) => message.trim() !== '')
    .map((message) => {
      const [head = '', ...body] = message.trimEnd().split('\n\n')
      const [start = '', ...lines] = head.split('\n')
      const fields = lines.map((line): [string, string] => {
        const at = line.indexOf(': ')
        return [line.slice(0, at), line.slice(at + 2)]
      })
      return { start, fields, body: body.length > 0 ? body.join('\n\n') : undefined }
    })
}

interface Answer {
  status: number
  fields: NodeJS.Dict<string | string[]>
  body: string
}

export async function checkHttp(block: Block, place: Place): Promise<void> {
  const messages = messagesOf(block.text)
  assert.ok(
    messages.length >= 2,
    `${placeOf(block)}: begins neither with a request (POST /files/ HTTP/1.1) nor an answer`,
  )
  let answer: Answer | undefined
  for (const message of messages) {
    if (/^HTTP/.test(message.start)) {
      assert.ok(answer, `${placeOf(block)}: an answer follows a request`)
      noteCreated(message, answer, place)
      compare(message, answer, place, placeOf(block))
    } else {
      answer = await send(message, place)
    }
  }
}

/** The upload that was created is called as the page has it from here on. */
function noteCreated({ fields }: Message, { status, fields: told }: Answer, place: Place): void {
  const shown = fields.find(([name]) => name.toLowerCase() === 'location')?.[1]
  if (status === 201 && shown !== undefined && told.location)
    place.created(told.location as string, shown.split('/').at(-1))
}

async function send({ start, fields, body = '' }: Message, place: Place): Promise<Answer> {
  const [method = '', target = ''] = start.split(' ')
  // An ellipsis after the bytes that are shown stands for as many as the request announces.
  const sent = Object.fromEntries(
    fields.filter(([name]) => !/^(content-length|host)$/i.test(name)).map(([name, value]) => [name, place.here(value)]),
  )
  const url = new URL(place.here(target), place.node.origin)
  return new Promise((resolve, reject) => {
    const headers = { ...sent, ...(body ? { 'Content-Length': String(Buffer.byteLength(body)) } : {}) }
    const asked = request(url, { method, headers, agent: false }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({ status: response.statusCode!, fields: response.headers, body: Buffer.concat(chunks).toString() })
    })
    asked.once('error', reject)
    asked.end(body)
  })
}

function compare({ start, fields, body }: Message, answer: Answer, place: Place, where: string): void {
  assert.equal(answer.status, Number(start.split(' ')[1]), `${where}: ${start}`)
  for (const [name, value] of fields) {
    const told = String(answer.fields[name.toLowerCase()] ?? '')
    assert.match(told, patternOf(place.here(value)), `${where}: ${name}`)
  }
  if (body !== undefined) assert.match(answer.body.trimEnd(), patternOf(place.here(body)), `${where}: the body`)
}

const patternOf = (text: string): RegExp =>
  new RegExp(
    `^${text
      .split('…')
      .map((piece) => piece.replaceAll(/[.*+?^$()|[\]{}\\]/g, '\\$&'))
      .join('[^]*')}$`,
  )
