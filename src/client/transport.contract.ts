import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { readBody, type Transport } from "./transport.ts";

/** What the server behind a transport is asked to do with the requests of the suite. */
export interface ContractRequest {
  method: string;
  /** With the query, as it arrived. */
  path: string;
  headers: Record<string, string>;
  body: string;
}
/** The answer: each chunk is sent on its own, and the last one ends the answer unless `hold` keeps it open. */
export interface ContractAnswer {
  status: number;
  headers?: Record<string, string>;
  chunks: string[];
  hold?: boolean;
  /** Called when the client has gone away before the end of a held answer. */
  onGone?(): void;
}
export interface TransportUnderTest {
  transport: Transport;
  stop(): Promise<void>;
}

/**
 * What every Transport promises. `start` serves each request with `handler` and hands over a transport that reaches it;
 * each transport brings the little server that it needs.
 */
export function transportContract(
  name: string,
  start: (handler: (request: ContractRequest) => ContractAnswer) => Promise<TransportUnderTest>,
): void {
  suite(`transport: ${name}`, () => {
    let under: TransportUnderTest;
    let answer: (request: ContractRequest) => ContractAnswer;
    before(async () => {
      under = await start((request) => answer(request));
    });
    after(() => under.stop());

    test("carries method, path, query, headers and body, and brings back status, headers and body", async () => {
      let seen: ContractRequest | undefined;
      answer = (request) => {
        seen = request;
        return { status: 201, headers: { "x-answer": "yes" }, chunks: ["héllo"] };
      };
      const response = await under.transport.request({
        method: "POST",
        path: "/api/v1/pods?labelSelector=a%3Db&x=1",
        headers: { "content-type": "application/json", "user-agent": "contract" },
        body: '{"ü":1}',
      });
      assert.equal(response.status, 201);
      assert.equal(response.headers["x-answer"], "yes");
      assert.equal(await readBody(response), "héllo");
      assert.equal(seen?.method, "POST");
      assert.equal(seen?.path, "/api/v1/pods?labelSelector=a%3Db&x=1");
      assert.equal(seen?.headers["user-agent"], "contract");
      assert.equal(seen?.body, '{"ü":1}');
    });

    test("an error status is an answer", async () => {
      answer = () => ({ status: 404, chunks: ["no"] });
      const response = await under.transport.request({ method: "GET", path: "/nowhere" });
      assert.equal(response.status, 404);
      assert.equal(await readBody(response), "no");
    });

    test("a body of several megabytes arrives whole", async () => {
      const chunk = "0123456789abcdef".repeat(4096);
      answer = () => ({ status: 200, chunks: Array.from({ length: 50 }, () => chunk) });
      const response = await under.transport.request({ method: "GET", path: "/large" });
      assert.equal((await readBody(response)).length, 50 * chunk.length);
    });

    test("chunks of an answer that goes on are handed over as they come", async () => {
      answer = () => ({ status: 200, chunks: ["one\n"], hold: true });
      const abort = new AbortController();
      const response = await under.transport.request({ method: "GET", path: "/watch", signal: abort.signal });
      const body = response.body[Symbol.asyncIterator]();
      const first = await body.next();
      assert.equal(Buffer.from(first.value as Uint8Array).toString(), "one\n");
      const next = body.next();
      abort.abort(new Error("enough"));
      await assert.rejects(next, /enough/);
    });

    test("leaving the iteration cancels the request", async () => {
      const gone = Promise.withResolvers<void>();
      answer = () => ({ status: 200, chunks: ["one\n"], hold: true, onGone: () => gone.resolve() });
      const response = await under.transport.request({ method: "GET", path: "/watch" });
      for await (const _ of response.body) break;
      await gone.promise;
    });

    test("an aborted signal rejects with its reason before an answer came", async () => {
      answer = () => ({ status: 200, chunks: [] });
      const reason = new Error("not wanted");
      await assert.rejects(
        under.transport.request({ method: "GET", path: "/", signal: AbortSignal.abort(reason) }),
        (error) => error === reason,
      );
    });

    test("many requests and watches run side by side", async () => {
      answer = (request) =>
        request.path.startsWith("/watch")
          ? { status: 200, chunks: ["event\n"], hold: true }
          : { status: 200, chunks: [request.path] };
      const abort = new AbortController();
      const watches = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          under.transport.request({ method: "GET", path: `/watch/${i}`, signal: abort.signal }),
        ),
      );
      const texts = await Promise.all(
        Array.from({ length: 50 }, async (_, i) =>
          readBody(await under.transport.request({ method: "GET", path: `/item/${i}` })),
        ),
      );
      assert.deepEqual(
        texts,
        Array.from({ length: 50 }, (_, i) => `/item/${i}`),
      );
      abort.abort();
      for (const watch of watches) await assert.rejects(readBody(watch));
    });

    test("after close requests are refused", async () => {
      answer = () => ({ status: 200, chunks: ["ok"] });
      await under.transport.close();
      await assert.rejects(under.transport.request({ method: "GET", path: "/" }), { name: "ConnectionError" });
    });
  });
}
