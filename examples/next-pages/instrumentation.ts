/** What came of each upload is stored and committed when the server ends; clients go on from there. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { holdfast } = await import('./lib/holdfast')
  process.once('SIGTERM', () => void holdfast.close())
}
