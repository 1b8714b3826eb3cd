import type { UserInfo } from "../../api/user.ts";
import type { AuditRecord } from "../audit/record.ts";
import type { ApiRequest, Reply } from "../http/exchange.ts";
import type { RequestInfo } from "../request-info.ts";

/** A request on its way through the filters, with what they found out about it. */
export interface RequestContext {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  /** Identifies the request in logs and in the Audit-ID header. */
  readonly auditId: string;
  /** Set by authentication, replaced by impersonation. Before: the anonymous user. */
  user: UserInfo;
  /** Texts of the answer's Warning headers. */
  readonly warnings: string[];
  /** Headers that filters add to the answer, be it a success or a failure. Names in lower case. */
  readonly responseHeaders: Record<string, string | string[]>;
  /** How long the request may take, from its arrival. Absent: as long as it likes. */
  deadlineMs?: number;
  /** How much of its time it waited for its turn. */
  waitedMs?: number;
  /** When the request arrived, by the monotonic clock. */
  readonly startedAt: number;
  /** What is recorded of the request; absent where nothing is. */
  audit?: AuditRecord;
}

/** The end of the chain: answers the request. Throws StatusErrors, or rejects with them. */
export type Endpoint = (context: RequestContext) => Promise<Reply>;

/**
 * One filter: answers by itself, or by `next`, perhaps changing the context before or the reply after. It may throw at once
 * instead of rejecting: a filter that waits for nothing need not be asynchronous, and each promise that a request does
 * without is a microsecond.
 */
export type Filter = (context: RequestContext, next: Endpoint) => Promise<Reply>;

/** An endpoint behind filters; the first filter is the outermost. */
export function chain(filters: readonly Filter[], endpoint: Endpoint): Endpoint {
  return filters.reduceRight<Endpoint>((next, filter) => (context) => filter(context, next), endpoint);
}
