export async function register(): Promise<void> {
  // Next compiles this file for the Edge runtime, too.
  if (process.env.NEXT_RUNTIME === 'nodejs') await import('./instrumentation-node')
}
