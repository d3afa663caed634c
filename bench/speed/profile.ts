/**
 * Where the time went, by function, from the profiles that Node.js leaves.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** As much of the format of V8's profiles as is read here. */
export interface Profile {
  nodes: readonly {
    id: number
    callFrame: { functionName: string; url: string; lineNumber: number }
  }[]
  samples: readonly number[]
  /** Microseconds since the sample before. */
  timeDeltas: readonly number[]
}

export interface SelfTime {
  /** Function, file and line. */
  place: string
  milliseconds: number
}

/** Time spent in each function itself, the most first. */
export function selfTimes({ nodes, samples, timeDeltas }: Profile): SelfTime[] {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const times = new Map<string, number>()
  for (const [index, sample] of samples.entries()) {
    const place = places.get(sample) ?? '(unknown)'
    times.set(place, (times.get(place) ?? 0) + (timeDeltas[index] ?? 0) / 1_000)
  }
  return [...times]
    .map(([place, milliseconds]) => ({ place, milliseconds }))
    .sort((one, other) => other.milliseconds - one.milliseconds)
}

function placeOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/(?=(dist|node_modules|bench)\/)/, '')
  return file ? `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}` : functionName
}

const SHOWN = 20

/** The functions that took the most, for each profile below the folder. */
export function busiest(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.cpuprofile'),
  )
  const texts = files.sort().map((name) => {
    const path = join(folder, name)
    const times = selfTimes(JSON.parse(readFileSync(path, 'utf8')) as Profile).filter(({ place }) => place !== '(idle)')
    const all = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
    const lines = times.slice(0, SHOWN).map(({ place, milliseconds }) => {
      const share = `${((100 * milliseconds) / all).toFixed(1)} %`
      return `${share.padStart(8)} ${milliseconds.toFixed(0).padStart(7)} ms  ${place}`
    })
    return `${relative('.', path)}: ${all.toFixed(0)} ms busy\n${lines.join('\n')}`
  })
  return texts.join('\n\n')
}
