/** Upstream's limits (k8s.io/apiserver/pkg/apis/cel): of one evaluation, … */
export const PER_CALL_LIMIT = 1_000_000;
/** … of all rules of one custom resource, or of one policy with one binding, in one request, … */
export const RUNTIME_COST_BUDGET = 10_000_000;
/** … and of all match conditions of a webhook, a policy or an authorizer. */
export const RUNTIME_COST_BUDGET_MATCH_CONDITIONS = 2_500_000;
