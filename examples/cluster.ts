// Uploads into a folder by two processes on one port, with node:cluster. Run it: npx tsx examples/cluster.ts
// (`holdfast serve --workers` does this and more; this is for a cluster of your own.)
import cluster from 'node:cluster'
import http from 'node:http'
import { createServer } from 'holdfast'
import { DiskStore } from 'holdfast/disk'
import { ClusterLocker, settleClaims } from 'holdfast/lockers/cluster'
import { nodeHandler } from 'holdfast/node'

if (cluster.isPrimary) supervise()
else serve()

function supervise(): void {
  // Before the first fork: any worker may serve any request, and a newer one has the older one yield.
  settleClaims(cluster)
  let isStopping = false
  cluster.on('exit', () => {
    if (!isStopping) cluster.fork()
  })
  cluster.once('listening', (_, { port }) => console.log(`listening on http://127.0.0.1:${port}/files/`))
  process.once('SIGTERM', () => {
    isStopping = true
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
  })
  for (const _ of [1, 2]) cluster.fork()
}

function serve(): void {
  const store = new DiskStore({ directory: process.env.UPLOADS ?? './data/uploads' })
  const holdfast = createServer({ store, locker: new ClusterLocker() })
  const server = http.createServer(nodeHandler(holdfast))
  // A PATCH lasts as long as its client sends; Holdfast itself watches for bodies that stand still.
  server.requestTimeout = 0
  server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1')

  const stop = async (): Promise<void> => {
    await holdfast.close()
    process.exit()
  }
  process.once('SIGTERM', stop)
  // If the primary is gone, what came of each upload is stored, too; without this node would end the worker at once.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  process.once('disconnect', stop)
}
