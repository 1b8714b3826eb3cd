import { type GrpcCode, GrpcError } from "../../base/grpc.ts";
import { StoreRefusedError, StoreUnavailableError } from "../store.ts";

/** etcd's own words for what the callers of a store tell apart. */
const COMPACTED = "required revision has been compacted";
const FUTURE = "required revision is a future revision";

export const isCompacted = (error: unknown) => error instanceof GrpcError && error.message.includes(COMPACTED);
export const isFuture = (error: unknown) => error instanceof GrpcError && error.message.includes(FUTURE);

export const isLeaseGone = (error: unknown) =>
  error instanceof GrpcError && error.message.includes("requested lease not found");

/** Codes with which etcd says that it cannot answer now; another member, or the same one later, may. */
const PASSING: readonly GrpcCode[] = ["unavailable", "deadline-exceeded", "unknown", "internal", "cancelled"];

/** Some refusals come without their code. */
const isDenied = ({ code, message }: GrpcError) =>
  code === "permission-denied" || code === "unauthenticated" || message.startsWith("auth: ");

/** Whether it makes sense to ask again (another member). */
export const isPassing = (error: unknown) =>
  error instanceof GrpcError && PASSING.includes(error.code) && !isDenied(error);

/**
 * A failed call as the callers of a store know it. etcd's own refusals ("etcdserver: request is too large") keep their
 * words, which upstream shows to clients as they are.
 */
export function explain(error: unknown, endpoint: string): unknown {
  if (!(error instanceof GrpcError)) return error;
  const { message } = error;
  if (isPassing(error)) {
    const words = message.startsWith("etcdserver: ") ? message : `etcd at ${endpoint} is unavailable: ${message}`;
    return new StoreUnavailableError(words, { cause: error });
  }
  if (isDenied(error)) {
    return new StoreUnavailableError(`etcd at ${endpoint} does not let this server in: ${message}`, { cause: error });
  }
  return new StoreRefusedError(message, { cause: error });
}
