import type { RunningServer } from './servers/index.js'
export function probeTests(_server: RunningServer): void {}
