/** The typed client, with what forms and reports need to know of samplers, which is read from their declarations. */
export { findReport } from "../samplers/registry.ts";
export { isRunReport } from "../samplers/report.ts";
export { chainReportOf, remarksOn } from "../samplers/remarks.ts";
export { constraintChoices } from "./constraint-form.ts";
export type { ConstraintChoice } from "./constraint-form.ts";
export * from "./metropolis-client.ts";
export { fieldControls, samplerChoices } from "./sampler-form.ts";
export type { FieldControl, SamplerChoice } from "./sampler-form.ts";
export { usualValues } from "./usual-values.ts";
export type { ModelDefaults } from "./usual-values.ts";
