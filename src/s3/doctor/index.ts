/** Examines a bucket: what `holdfast doctor` says comes from here. @module */
export { examine } from './examine.js'
export { policyFor } from './policy.js'
export { type Finding, GROUPS, type Report, type Status } from './report.js'
export type { ExaminationOptions } from './room.js'
