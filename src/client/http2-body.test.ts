import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { ConnectionError } from "./client.ts";
import { type AnswerStream, streamBody } from "./http2-body.ts";

/** As Node shows a stream that the server has ended: closed at once, but with data that nobody has read yet. */
class EndedStream extends Duplex {
  rstCode = 0;
  constructor() {
    super({ autoDestroy: false, read() {}, write: (_chunk, _encoding, done) => done() });
    Object.defineProperty(this, "closed", { value: true });
  }
  close(): void {
    this.destroy();
  }
}

async function read(stream: EndedStream): Promise<string> {
  const body = streamBody(
    stream as unknown as AnswerStream,
    undefined,
    () => new ConnectionError("lost"),
    8,
    () => {},
  );
  // What comes between the head and the reading of the body.
  await new Promise((resolve) => setImmediate(resolve));
  let text = "";
  for await (const chunk of body) text += chunk;
  return text;
}

test("an answer that was complete before anybody read it is read whole", async () => {
  const stream = new EndedStream();
  stream.push("hel");
  stream.push("lo");
  stream.push(null);
  assert.equal(await read(stream), "hello");
});

test("an answer that is broken off is told from a complete one", async () => {
  const destroyed = new EndedStream();
  destroyed.push("hel");
  setImmediate(() => destroyed.destroy());
  await assert.rejects(read(destroyed), { message: "lost" });
  const reset = new EndedStream();
  reset.push(null);
  reset.rstCode = 2;
  await assert.rejects(read(reset), { message: "lost" });
});
