import { decode, encode } from "dns-packet";
import type { Clock } from "../base/clock.ts";
import type { Network } from "../base/network.ts";

/** How long one try may take, in ms. */
const PROBE_TIMEOUT_MS = 200;

/** Whether the DNS server at `server` gives `address` for `name`, asked once over UDP. No answer is false, not an error. */
export function resolvesName(
  { network, clock }: { network: Network; clock: Clock },
  server: { address: string; port: number },
  name: string,
  address: string,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = network.dgram.createSocket("udp4");
    const finish = (result: boolean) => {
      timer.cancel();
      socket.close();
      resolve(result);
    };
    const timer = clock.after(PROBE_TIMEOUT_MS, () => finish(false));
    socket.on("error", () => finish(false));
    socket.on("message", (message) => {
      const answers = decode(message).answers ?? [];
      finish(answers.some((answer) => answer.type === "A" && answer.data === address));
    });
    socket.connect(server.port, server.address, () => {
      socket.send(encode({ id: 1, type: "query", questions: [{ type: "A", name }] }));
    });
  });
}
