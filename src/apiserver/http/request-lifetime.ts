import type { PeerCertificate } from "node:tls";

/** Who is at the other end of a connection. */
export interface PeerIdentity {
  /** DER; only where it was verified against the client CA. */
  certificate?: PeerCertificate["raw"];
  /** Why the certificate that the client showed is not accepted. */
  certificateError?: string;
  remoteAddress?: string;
}

/** Ends with the client's connection or stream. The signal is only made when somebody asks for it. */
export class RequestLifetime {
  #controller: AbortController | undefined;
  #ended: Error | undefined;

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#ended) this.#controller.abort(this.#ended);
    }
    return this.#controller.signal;
  }

  end(reason: Error = new DOMException("the client has gone away", "AbortError")): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#controller?.abort(reason);
  }
}
