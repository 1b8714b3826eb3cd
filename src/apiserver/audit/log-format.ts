import type { AuditEvent } from "./event.ts";

/** One event per line, as JSON. */
export const jsonLine = (event: AuditEvent) => `${JSON.stringify(event)}\n`;

const quoted = (text: string) => JSON.stringify(text);
const list = (values: readonly string[]) => values.map(quoted).join(",");

/** Upstream's older format: one line of text with some of the fields. */
export function legacyLine(event: AuditEvent): string {
  const { user, impersonatedUser: as } = event;
  const fields = {
    id: event.auditID,
    stage: event.stage,
    ip: event.sourceIPs?.[0] ?? "<unknown>",
    method: event.verb,
    user: user.username ?? "<none>",
    groups: user.username && user.groups?.length ? list(user.groups) : "<none>",
    as: as ? (as.username ?? "") : "<self>",
    asgroups: as?.groups ? list(as.groups) : "<lookup>",
    "user-agent": event.userAgent ?? "",
    namespace: event.objectRef?.namespace ?? "<none>",
    uri: event.requestURI,
  };
  const text = Object.entries(fields).map(([name, value]) => `${name}=${quoted(value)}`);
  const response = event.responseStatus ? String(event.responseStatus.code) : "<deferred>";
  return `${event.requestReceivedTimestamp} AUDIT: ${text.join(" ")} response="${response}"\n`;
}
