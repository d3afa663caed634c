/** Real proxies in front of a node, each started with a configuration of its own. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Front {
  /** Over HTTP/1.1. */
  port: number
  /** Over HTTP/2 without TLS, where the proxy has it. */
  h2port: number
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** @param fields lines that nginx adds to `location` */
export async function startNginx(upstream: number, fields: readonly string[] = []): Promise<Front> {
  const [port, h2port] = [await freePort(), await freePort()]
  return start('nginx', port, h2port, (folder) => ({
    config: `
      daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1;
      events { worker_connections 256; }
      http {
        access_log off;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
        server {
          listen 127.0.0.1:${port}; listen 127.0.0.1:${h2port} http2;
          client_max_body_size 0;
          location / {
            proxy_pass http://127.0.0.1:${upstream};
            proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
            ${fields.join('\n')}
          }
        }
      }`,
    args: (path) => ['-p', folder, '-c', path, '-e', `${folder}/error.log`],
  }))
}

export async function startHaproxy(upstream: number): Promise<Front> {
  const [port, h2port] = [await freePort(), await freePort()]
  return start('haproxy', port, h2port, () => ({
    config: `
global
  maxconn 256
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:${port}
  bind 127.0.0.1:${h2port} proto h2
  default_backend b
backend b
  server node 127.0.0.1:${upstream}
`,
    args: (path) => ['-db', '-f', path],
  }))
}

async function start(
  program: string,
  port: number,
  h2port: number,
  make: (folder: string) => { config: string; args: (path: string) => string[] },
): Promise<Front> {
  const folder = await mkdtemp(join(tmpdir(), `holdfast-${program}-`))
  const { config, args } = make(folder)
  const path = join(folder, 'config')
  await writeFile(path, config)
  const child = spawn(program, args(path), { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  await Promise.race([once(child, 'spawn'), once(child, 'error')]).catch(() => undefined)
  assert.ok(child.pid, `${program} is not installed: apt-get install ${program === 'nginx' ? 'nginx-light' : program}`)
  await listening(port, child, () => said)
  return {
    port,
    h2port,
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function listening(port: number, child: ChildProcess, said: () => string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    assert.equal(child.exitCode, null, `it ended: ${said()}`)
    const socket = net.connect(port, '127.0.0.1')
    const [name] = await Promise.race([
      once(socket, 'connect').then(() => ['connect']),
      once(socket, 'error').catch((error) => [String(error)]),
    ]).catch(() => ['error'])
    socket.destroy()
    if (name === 'connect') return
    await sleep(50)
  }
  assert.fail(`it does not listen: ${said()}`)
}
