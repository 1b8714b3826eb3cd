import type { ContractAnswer, ContractRequest } from "../../client/transport.contract.ts";
import { transportContract } from "../../client/transport.contract.ts";
import type { Handler, Reply } from "./exchange.ts";
import { inProcessTransport } from "./in-process.ts";

/** Serves the contract's requests the way an endpoint does. */
function contractHandler(serve: (request: ContractRequest) => ContractAnswer): Handler {
  return async (request): Promise<Reply> => {
    const body = Buffer.from(await request.body.read(Number.MAX_SAFE_INTEGER)).toString();
    const answer = serve({
      method: request.method,
      path: request.url,
      headers: request.headers as Record<string, string>,
      body,
    });
    return {
      status: answer.status,
      headers: answer.headers ?? {},
      body: {
        start(sink) {
          let ended = false;
          sink.onClose(() => {
            if (!ended) answer.onGone?.();
          });
          for (const chunk of answer.chunks) sink.write(Buffer.from(chunk));
          if (answer.hold) return;
          ended = true;
          sink.end();
        },
      },
    };
  };
}

transportContract("in-process", async (serve) => {
  const transport = inProcessTransport(contractHandler(serve), { name: "u", groups: [] });
  return { transport, stop: () => transport.close() };
});
