/**
 * Several `Hooks` as one: all are asked, in order. Whoever refuses, refuses for all.
 * @module
 */
import type { Answer } from '../store/info.js'
import type {
  AuthorizeEvent,
  CreateDecision,
  CreateEvent,
  DeliveredEvent,
  FinishEvent,
  Grant,
  HookContext,
  HookName,
  Hooks,
} from '../upload/hooks.js'

/**
 * - `authorize`, `onTerminate`, `onProgress`: each in order; the first that throws refuses. Of the grants, each field is the
 *   last that was given.
 * - `onCreate`: each sees the upload as those before it changed it.
 * - `onFinish`: each must accept. Answers are merged: fields of headers, status and body are the last that were given.
 * - `onCreated`, `onFinished`, `onTerminated`: all are told, also if one of them fails. Then it is told again, to all of
 *   them, with the same `deliveryId`.
 */
export function combineHooks(...several: readonly Hooks[]): Hooks {
  const having = <Name extends HookName>(name: Name): Required<Pick<Hooks, Name>>[] =>
    several.filter((hooks): hooks is Required<Pick<Hooks, Name>> => hooks[name] !== undefined)
  const all: Required<Hooks> = {
    authorize: (event, context) => grantOf(having('authorize'), event, context),
    onCreate: (event, context) => decisionOf(having('onCreate'), event, context),
    onFinish: (event, context) => answerOf(having('onFinish'), event, context),
    async onProgress(event, context) {
      for (const hooks of having('onProgress')) await hooks.onProgress(event, context)
    },
    async onTerminate(event, context) {
      for (const hooks of having('onTerminate')) await hooks.onTerminate(event, context)
    },
    onCreated: (event, context) => toAll(several, 'onCreated', event, context),
    onFinished: (event, context) => toAll(several, 'onFinished', event, context),
    onTerminated: (event, context) => toAll(several, 'onTerminated', event, context),
  }
  // What nobody has stays absent: it then costs nothing.
  const names = (Object.keys(all) as HookName[]).filter((name) => having(name).length > 0)
  return Object.fromEntries(names.map((name) => [name, all[name]]))
}

async function grantOf(
  several: readonly Required<Pick<Hooks, 'authorize'>>[],
  event: AuthorizeEvent,
  context: HookContext,
): Promise<Grant> {
  let grant: Grant = {}
  for (const hooks of several) {
    const next = (await hooks.authorize(event, context)) ?? {}
    grant = { ...grant, ...given(next), limits: { ...grant.limits, ...given(next.limits ?? {}) } }
  }
  return grant
}

async function decisionOf(
  several: readonly Required<Pick<Hooks, 'onCreate'>>[],
  event: CreateEvent,
  context: HookContext,
): Promise<CreateDecision> {
  let decision: CreateDecision = {}
  let { upload } = event
  for (const hooks of several) {
    const { answer, ...next } = (await hooks.onCreate({ ...event, upload }, context)) ?? {}
    decision = { ...decision, ...given(next), answer: merged(decision.answer, answer) }
    const { id = upload.id, metadata = upload.metadata, key = upload.key, object = upload.object } = decision
    upload = { ...upload, id, metadata, key, object }
  }
  return decision
}

async function answerOf(
  several: readonly Required<Pick<Hooks, 'onFinish'>>[],
  event: FinishEvent,
  context: HookContext,
): Promise<Answer | undefined> {
  let answer: Answer | undefined
  for (const hooks of several) answer = merged(answer, (await hooks.onFinish(event, context)) ?? undefined)
  return answer
}

async function toAll(
  several: readonly Hooks[],
  name: 'onCreated' | 'onFinished' | 'onTerminated',
  event: DeliveredEvent,
  context: HookContext,
): Promise<void> {
  const told = await Promise.allSettled(several.map(async (hooks) => hooks[name]?.(event, context)))
  const failed = told.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  if (failed.length > 0)
    throw failed.length === 1 ? failed[0] : new AggregateError(failed, failed.map(String).join('; '))
}

function merged(answer: Answer | undefined, next: Answer | undefined): Answer | undefined {
  if (!answer || !next) return next ?? answer
  return { ...answer, ...given(next), headers: { ...answer.headers, ...next.headers } }
}

/** An undefined field is one that was not given. */
const given = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
