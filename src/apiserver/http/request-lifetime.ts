import type { PeerCertificate } from "node:tls";

/** Who is at the other end of a connection. */
export interface PeerIdentity {
  /** DER; only where it was verified against the client CA. */
  certificate?: PeerCertificate["raw"];
  /** DER; only where it was verified against the CA of authenticating proxies. */
  proxyCertificate?: PeerCertificate["raw"];
  /** Why the certificate that the client showed is not accepted. */
  certificateError?: string;
  remoteAddress?: string;
}

/**
 * Lasts as long as somebody waits for the answer. The signal is only made when it is asked for, which few requests do:
 * making one, and aborting it, costs more than answering from memory.
 */
export class RequestLifetime {
  #controller: AbortController | undefined;
  #state: "running" | "answered" | "gone" = "running";
  #reason: unknown;

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#state === "gone") this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The answer is complete: nothing is left to be aborted. */
  answered(): void {
    if (this.#state === "running") this.#state = "answered";
  }

  /** The client has gone away before it had its answer. */
  gone(reason?: unknown): void {
    if (this.#state !== "running") return;
    this.#state = "gone";
    this.#reason = reason ?? new DOMException("the client has gone away", "AbortError");
    this.#controller?.abort(this.#reason);
  }
}
