import { checkHttpHeaderName, checkPortName, checkPortNumber } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { GRPCAction, Lifecycle, LifecycleHandler, Probe } from "../../types/core.v1.ts";
import { child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { addProblems, validateNonNegative } from "../value-checks.ts";

/** A port as a number, or as the name of one. */
export function validatePort(port: number | string | undefined | null, path: string, errors: FieldError[]): void {
  if (typeof port === "string") addProblems(checkPortName(port), path, port, errors);
  else addProblems(checkPortNumber(port ?? 0), path, port ?? 0, errors);
}

/** What liveness, readiness and startup probes have in common, and what is particular to each. */
export function validateProbe(
  probe: Probe | undefined | null,
  kind: "liveness" | "readiness" | "startup",
  path: string,
  errors: FieldError[],
): void {
  if (!probe) return;
  validateHandler(probe, undefined, path, errors);
  validateNonNegative(probe.initialDelaySeconds, child(path, "initialDelaySeconds"), errors);
  validateNonNegative(probe.timeoutSeconds, child(path, "timeoutSeconds"), errors);
  validateNonNegative(probe.periodSeconds, child(path, "periodSeconds"), errors);
  validateNonNegative(probe.successThreshold, child(path, "successThreshold"), errors);
  validateNonNegative(probe.failureThreshold, child(path, "failureThreshold"), errors);
  const grace = probe.terminationGracePeriodSeconds;
  if (grace != null && grace <= 0) {
    errors.push(invalid(child(path, "terminationGracePeriodSeconds"), grace, "must be greater than 0"));
  }
  if (kind === "readiness") {
    if (grace != null) {
      errors.push(invalid(child(path, "terminationGracePeriodSeconds"), grace, "must not be set for readinessProbes"));
    }
  } else if (probe.successThreshold !== 1) {
    errors.push(invalid(child(path, "successThreshold"), probe.successThreshold ?? 0, "must be 1"));
  }
}

/** Hooks of a container's life; `grace` is the pod's termination grace period in seconds. */
export function validateLifecycle(
  lifecycle: Lifecycle | undefined | null,
  grace: number | undefined,
  os: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (!lifecycle) return;
  if (lifecycle.postStart) validateHandler(lifecycle.postStart, grace, child(path, "postStart"), errors);
  if (lifecycle.preStop) validateHandler(lifecycle.preStop, grace, child(path, "preStop"), errors);
  if (lifecycle.stopSignal == null) return;
  const field = child(path, "stopSignal");
  if (!os) errors.push(forbidden(field, "may not be set for containers with empty `spec.os.name`"));
  else if (!STOP_SIGNALS.test(lifecycle.stopSignal))
    errors.push(invalid(field, lifecycle.stopSignal, "unknown signal"));
  else if (os === "windows" && !["SIGKILL", "SIGTERM"].includes(lifecycle.stopSignal)) {
    errors.push(notSupported(field, lifecycle.stopSignal, ["SIGKILL", "SIGTERM"]));
  }
}

const STOP_SIGNALS =
  /^SIG(ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?)$/;

type Handler = LifecycleHandler & { grpc?: GRPCAction };

/** Exactly one way to act, and that one sound. */
function validateHandler(handler: Handler, grace: number | undefined, path: string, errors: FieldError[]): void {
  let found = 0;
  for (const name of ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const) {
    if (!handler[name]) continue;
    if (++found > 1) errors.push(forbidden(child(path, name), "may not specify more than 1 handler type"));
    else validateAction(handler, name, grace, child(path, name), errors);
  }
  if (found === 0) errors.push(required(path, "must specify a handler type"));
}

function validateAction(
  handler: Handler,
  name: "exec" | "httpGet" | "tcpSocket" | "grpc" | "sleep",
  grace: number | undefined,
  path: string,
  errors: FieldError[],
): void {
  switch (name) {
    case "exec":
      if (!handler.exec!.command?.length) errors.push(required(child(path, "command")));
      return;
    case "httpGet": {
      const { path: target, port, scheme, httpHeaders } = handler.httpGet!;
      if (!target) errors.push(required(child(path, "path")));
      validatePort(port, child(path, "port"), errors);
      if (scheme !== "HTTP" && scheme !== "HTTPS") {
        errors.push(notSupported(child(path, "scheme"), scheme ?? "", ["HTTP", "HTTPS"]));
      }
      for (const header of httpHeaders ?? []) {
        addProblems(checkHttpHeaderName(header.name ?? ""), child(path, "httpHeaders"), header.name ?? "", errors);
      }
      return;
    }
    case "tcpSocket":
      validatePort(handler.tcpSocket!.port, child(path, "port"), errors);
      return;
    case "grpc":
      validatePort(handler.grpc!.port, child(path, "port"), errors);
      return;
    case "sleep": {
      const { seconds = 0 } = handler.sleep!;
      if (grace !== undefined && (seconds < 0 || seconds > grace)) {
        const detail = `must be non-negative and less than terminationGracePeriodSeconds (${grace})`;
        errors.push(invalid(path, seconds, detail));
      }
    }
  }
}
