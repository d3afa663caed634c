// Takes events from the stream that `holdfast serve --hooks-redis redis://… ` writes. Start several: they share the work, and what one
// of them took and did not finish, another one takes over.
import { createClient } from '@redis/client'
import type { HookMessage } from 'holdfast/hooks'

const { REDIS = 'redis://127.0.0.1:6379', STREAM = 'holdfast:events', GROUP = 'workers', IDLE = '60000' } = process.env
const CONSUMER = process.env.CONSUMER ?? `consumer-${process.pid}`

const redis = createClient({ url: REDIS })
redis.on('error', (error: Error) => console.error(error.message))
await redis.connect()
// From the beginning of the stream. The group stays, with what it has read, when its consumers are gone.
await redis.xGroupCreate(STREAM, GROUP, '0', { MKSTREAM: true }).catch((error: Error) => {
  if (!error.message.startsWith('BUSYGROUP')) throw error
})

/** Must bear to be called twice for the same event: `DeliveryID` is the same then. */
async function work({ Type, Event: { Upload }, DeliveryID }: HookMessage): Promise<void> {
  console.log(`${CONSUMER} ${Type} ${Upload.ID} ${DeliveryID}`)
}

interface Entry {
  id: string
  message: Record<string, string>
}

async function take(entries: readonly (Entry | null)[]): Promise<void> {
  for (const entry of entries) {
    if (!entry) continue
    await work(JSON.parse(entry.message.message ?? '{}') as HookMessage)
    // Only now: what is not confirmed is given to another one.
    await redis.xAck(STREAM, GROUP, entry.id)
  }
}

let isOver = false
process.once('SIGTERM', () => {
  isOver = true
})
console.log(`listening on ${STREAM}`)
while (!isOver) {
  const left = await redis.xAutoClaim(STREAM, GROUP, CONSUMER, Number(IDLE), '0', { COUNT: 10 })
  await take(left.messages)
  const streams = await redis.xReadGroup(GROUP, CONSUMER, { key: STREAM, id: '>' }, { COUNT: 10, BLOCK: 500 })
  for (const { messages } of (streams ?? []) as { messages: Entry[] }[]) await take(messages)
}
redis.destroy()
