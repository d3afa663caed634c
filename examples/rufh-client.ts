// A client of the IETF draft "Resumable Uploads for HTTP", in node alone: sends a file in one request, learns from 104 where it
// goes, and after a broken connection asks how far it came and sends the rest.
//
//   node --import tsx examples/rufh-client.ts talk.mp4 http://127.0.0.1:1080/files/
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const VERSION = { 'Upload-Draft-Interop-Version': '6' }
const MAX_TRIES = 10

interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
}

/** One request. @param onInterim called with the fields of each 104 */
function send(
  url: string,
  method: string,
  fields: http.OutgoingHttpHeaders,
  body?: NodeJS.ReadableStream,
  onInterim: (fields: http.IncomingHttpHeaders) => void = () => undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('https:') ? https : http
    const sent = request(url, { method, headers: { ...VERSION, ...fields }, agent: false })
    sent.on('information', ({ statusCode, headers }) => {
      if (statusCode === 104) onInterim(headers)
    })
    sent.on('response', (answer) => {
      answer.resume()
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers })
    })
    sent.on('error', reject)
    if (body) body.on('error', reject).pipe(sent)
    else sent.end()
  })
}

export async function upload(path: string, endpoint: string): Promise<string> {
  const { size } = await stat(path)
  const name = { 'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(basename(path))}` }
  let location: string | undefined
  const note = (fields: http.IncomingHttpHeaders): void => {
    location ??= fields.location && new URL(fields.location, endpoint).href
  }
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    try {
      const { status, headers } = location === undefined ? await create(note) : await resume(location)
      note(headers)
      if (status < 300 && headers['upload-complete'] === '?1') return location!
      if (status >= 400 && status < 500 && status !== 409) throw new Refused(`${status}`)
    } catch (error) {
      if (error instanceof Refused) throw error
      console.log(`the connection broke (${error}); trying again`)
    }
    await sleep(100 * tries)
  }
  throw new Error(`not uploaded in ${MAX_TRIES} tries`)

  function create(onInterim: (fields: http.IncomingHttpHeaders) => void): Promise<Answer> {
    const fields = { ...name, 'Upload-Complete': '?1', 'Content-Length': size }
    return send(endpoint, 'POST', fields, createReadStream(path), onInterim)
  }

  async function resume(url: string): Promise<Answer> {
    const { status, headers } = await send(url, 'HEAD', {})
    if (status >= 300 || headers['upload-complete'] === '?1') return { status, headers }
    const offset = Number(headers['upload-offset'])
    console.log(`going on at byte ${offset}`)
    const fields = {
      'Content-Type': 'application/partial-upload',
      'Upload-Offset': offset,
      'Upload-Complete': '?1',
      'Content-Length': size - offset,
    }
    return send(url, 'PATCH', fields, createReadStream(path, { start: offset }))
  }
}

class Refused extends Error {}

const [, , path, endpoint] = process.argv
if (path && endpoint) console.log(`uploaded to ${await upload(path, endpoint)}`)
