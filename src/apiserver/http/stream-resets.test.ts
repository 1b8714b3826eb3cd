import assert from "node:assert/strict";
import { type ClientHttp2Session, connect } from "node:http2";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { lineLogger } from "../../base/logger.ts";
import { systemNetwork } from "../../base/network.ts";
import { testCertificates } from "../https.fixture.ts";
import { type ListenOptions, listen } from "./listener.ts";

const certificates = testCertificates();
const { certificatePem: certificate, privateKeyPem } = certificates.server("kube-apiserver");

/** Breaks off so many endless answers, one after the other on one connection; how many there were before it was told to go. */
async function breakOff(count: number, options: Partial<ListenOptions>) {
  const lines: string[] = [];
  const clock = systemClock();
  const logger = lineLogger({ clock, component: "http", write: (line) => void lines.push(line) });
  const endless = { status: 200, headers: {}, body: { start() {} } };
  const listener = await listen(
    async () => endless,
    { host: "127.0.0.1", port: 0, certificate, key: privateKeyPem!, ...options },
    { network: systemNetwork, clock, logger },
  );
  const session = connect(`https://127.0.0.1:${listener.address.port}`, { ca: certificates.authority.certificatePem });
  let isSentAway = false;
  session.on("goaway", () => {
    isSentAway = true;
  });
  session.on("error", () => {});
  let done = 0;
  for (; done < count && !isSentAway && !session.destroyed; done++) await one(session);
  session.destroy();
  await listener.close(0);
  return { done, isSentAway, lines };
}

function one(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    const stream = session.request({ ":path": "/" });
    stream.on("error", () => {});
    stream.on("response", () => stream.close(8));
    stream.on("close", () => resolve());
  });
}

test("a client may end thousands of watches on one connection", async () => {
  const { done, isSentAway } = await breakOff(2_500, {});
  assert.deepEqual([done, isSentAway], [2_500, false]);
});

test("one that breaks off too many is told to go away, and that is logged once", async () => {
  const { isSentAway, lines } = await breakOff(200, { resets: { burst: 20, perSecond: 1 } });
  assert.equal(isSentAway, true);
  assert.equal(lines.filter((line) => /breaks off too many requests.*client=127\.0\.0\.1/.test(line)).length, 1);
});
