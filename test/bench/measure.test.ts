import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { measure } from '../../bench/speed/measure.js'
import type { Scenario } from '../../bench/speed/scenarios.js'
import { type Contender, floor } from '../../bench/speed/servers.js'
import { usageOf } from '../../bench/speed/usage.js'
import { temporaryFolder } from '../support/bucket.js'

const onLinux = { skip: process.platform === 'linux' ? false : 'reads /proc', timeout: 60_000 }

const KiB = 1024
const TINY: Scenario = { name: 'tiny', unit: 'GiB', size: 200 * KiB, chunk: 64 * KiB, count: 6, atOnce: 3 }

const options = { rounds: 2, isWarm: false, temporary: '', say: () => undefined }

/** A server of this process that answers every request so. */
const answering = (name: string, status: number, body: string): Contender => ({
  name,
  async start() {
    const server = http.createServer((request, response) => {
      const answer = (): void => void response.writeHead(status, { 'Content-Length': body.length }).end(body)
      request.resume().on('end', answer)
    })
    server.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/files/`,
      pid: process.pid,
      ended: () => undefined,
      async stop() {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  },
})

const absent: Contender = { name: 'absent', start: () => Promise.reject(new Error('It needs something else.')) }

test('each round of a server is measured: every upload arrives, and what it cost is told', onLinux, async () => {
  const [result] = await measure([TINY], () => [floor], options)
  const { cpu, rate, requests, amplification, post, firstByte, end, peak, failures, uploads } = result!.figures.floor!
  assert.deepEqual([failures, uploads, requests, amplification], [{}, 12, { PutObject: 4 }, 1])
  assert.deepEqual([cpu.length, rate.length], [2, 2])
  for (const [middle, late] of [post, firstByte, end]) assert.ok(middle! >= 0 && middle! <= late! && late! < 10_000)
  assert.ok(firstByte[0]! > 0)
  assert.ok(peak! > 20e6 && peak! < 1e9, `${peak} bytes`)
})

test('where seconds are told, as many uploads are counted as were begun in them', onLinux, async () => {
  const scenario: Scenario = { name: 'seconds', unit: 'upload', size: 1 * KiB, count: 1e6, atOnce: 4, seconds: 0.3 }
  const [result] = await measure([scenario], () => [floor], { ...options, rounds: 1 })
  const { uploads, rate, requests, failures } = result!.figures.floor!
  assert.ok(uploads > 4 && uploads < 1e5, `${uploads}`)
  const seconds = uploads / rate[0]!
  assert.ok(seconds >= 0.3 && seconds < 5, `${seconds}`)
  assert.deepEqual([requests, failures], [{ PutObject: 1 }, {}])
})

test('S3 by TLS is trusted by who is told to', onLinux, async () => {
  const folder = await temporaryFolder()
  try {
    const [result] = await measure([{ ...TINY, tls: true }], () => [floor], { ...options, temporary: folder.path })
    assert.deepEqual(result!.figures.floor!.failures, {})
  } finally {
    await folder.remove()
  }
})

test('what fails is told with its reason and its number, and the others are measured', onLinux, async () => {
  const contenders = [absent, answering('refusing', 500, 'ERR_OUT_OF_ORDER: no\nmore'), floor]
  const [result] = await measure([TINY], () => contenders, options)
  const { absent: none, refusing, floor: well } = result!.figures
  assert.deepEqual(none!.failures, { 'It needs something else.': { times: 1, first: 0 } })
  const { 'POST: 500 ERR_OUT_OF_ORDER: no': refused, ...others } = refusing!.failures
  assert.deepEqual([refused!.times, others], [12, {}])
  assert.ok(refused!.first > 0 && refused!.first < 10)
  assert.deepEqual([none!.cpu, refusing!.cpu, well!.failures], [[], [null, null], {}])
})

test('the processor time and the memory of child processes are counted', onLinux, async () => {
  const folder = await temporaryFolder()
  try {
    const script = join(folder.path, 'two.cjs')
    writeFileSync(
      script,
      `const [, , role] = process.argv
       const held = Buffer.alloc(50e6, 1)
       const until = Date.now() + (role ? 400 : 0)
       while (Date.now() < until) held[0]++
       if (!role) require('node:child_process').fork(__filename, ['child']).on('message', () => process.send('ready'))
       else process.send('ready')
       setInterval(() => {}, 1000)
       process.on('disconnect', () => process.exit())`,
    )
    const parent = fork(script, { execArgv: [] })
    await new Promise((resolve) => parent.once('message', resolve))
    const { cpu, peak } = usageOf(parent.pid!)
    parent.disconnect()
    await new Promise((resolve) => parent.once('exit', resolve))
    assert.ok(cpu >= 0.2, `${cpu} s`)
    assert.ok(peak >= 150e6, `${peak} bytes`)
  } finally {
    await folder.remove()
  }
})
