// Runs one block as a program: tells the parent when it was evaluated, and where it listens. A port that it chooses is
// taken as 0, so that blocks can run beside each other.
import net from 'node:net'
import { pathToFileURL } from 'node:url'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  if (typeof args[0] === 'number') args[0] = 0
  else if (typeof args[0] === 'object' && args[0]?.port !== undefined) args[0] = { ...args[0], port: 0 }
  this.once('listening', () => {
    const address = this.address()
    if (typeof address === 'object') process.send?.({ port: address.port, tls: 'setSecureContext' in this })
  })
  return listen.apply(this, args)
}
process.channel?.unref()
await import(pathToFileURL(process.argv[2]).href)
process.send?.({ evaluated: true })
