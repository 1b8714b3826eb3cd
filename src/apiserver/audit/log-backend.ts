import type { AuditBackend } from "./backend.ts";
import type { AuditEvent } from "./event.ts";

/** What takes the lines of the log: a rotating file, or standard output. */
export interface LineSink {
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Writes events as lines. */
export function logBackend(sink: LineSink, format: (event: AuditEvent) => string): AuditBackend {
  return {
    name: "log",
    process: (events) => sink.write(events.map(format).join("")),
    close: () => sink.close(),
  };
}
