/**
 * The API reference, by TypeDoc from the docstrings: one page for each subpath of the package. What is exported without a
 * docstring fails, and so does a property of it, and a link in a docstring that leads nowhere.
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Application, type DeclarationReflection, type ProjectReflection, ReflectionKind } from 'typedoc'
import type {} from 'typedoc-plugin-markdown'
import { CONTENT, ROOT } from './content.js'

interface Manifest {
  exports: Record<string, string | { default: string }>
}

/** The source of each subpath, with the name that users import. */
function entries(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest
  const subpaths = Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === 'string' ? [] : [[sourceOf(target.default), `holdfast${subpath.slice(1)}`] as const],
  )
  return new Map(subpaths)
}

const sourceOf = (built: string): string => join(ROOT, built.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'))

const OPTIONS = {
  name: 'API reference',
  tsconfig: join(ROOT, 'tsconfig.json'),
  plugin: ['typedoc-plugin-markdown'],
  readme: 'none',
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  sort: ['source-order' as const],
  validation: { notExported: false, invalidLink: true, notDocumented: false },
  logLevel: 'Warn' as const,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  useCodeBlocks: true,
  hideBreadcrumbs: true,
  hidePageHeader: true,
  outputFileStrategy: 'modules' as const,
  entryFileName: 'index',
  outputs: [{ name: 'markdown', path: join(CONTENT, 'reference') }],
}

/** @throws Error that says what has no docstring */
export async function writeReference(): Promise<void> {
  const names = entries()
  const app = await Application.bootstrapWithPlugins({ ...OPTIONS, entryPoints: [...names.keys()] })
  const project = await app.convert()
  if (!project) throw new Error('The sources have type errors: npm run types tells them.')
  for (const module of modulesOf(project)) {
    module.name = names.get(project.getSymbolIdFromReflection(module)?.fileName ?? '') ?? module.name
  }
  const missing = modulesOf(project).flatMap((module) => undocumented(module, project))
  if (missing.length > 0) throw new Error(`Without a docstring:\n${missing.join('\n')}`)
  app.validate(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc warns: see above.')
  await app.generateOutputs(project)
}

const modulesOf = (project: ProjectReflection): DeclarationReflection[] =>
  (project.children ?? []).filter(({ kind }) => kind === ReflectionKind.Module)

/** What is exported, and the members of exported classes and interfaces, if nothing is said of it. */
function undocumented(module: DeclarationReflection, project: ProjectReflection): string[] {
  const complaints: string[] = []
  const look = (reflection: DeclarationReflection): void => {
    if (reflection.kind === ReflectionKind.Reference || reflection.inheritedFrom) return
    if (reflection.kind !== ReflectionKind.Constructor && !isDocumented(reflection)) {
      complaints.push(`  ${reflection.getFullName()} (${project.getSymbolIdFromReflection(reflection)?.fileName})`)
    }
    for (const child of reflection.children ?? []) look(child)
  }
  for (const child of module.children ?? []) look(child)
  return complaints
}

const isDocumented = (reflection: DeclarationReflection): boolean =>
  [reflection, reflection.getSignature, ...(reflection.signatures ?? [])].some((part) => part?.hasComment())
