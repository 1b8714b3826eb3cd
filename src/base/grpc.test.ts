import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { dialGrpc, type GrpcChannel, GrpcError, type GrpcMethod } from "./grpc.ts";

const text = {
  encode: (message: string) => Buffer.from(message),
  decode: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
};
const method = (name: string): GrpcMethod<string, string> => ({
  path: `/test.Echo/${name}`,
  request: text,
  response: text,
});

describe("a gRPC channel", () => {
  let directory: string;
  let server: grpc.Server;
  let channel: GrpcChannel;
  let cancelled: Promise<unknown>;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "knarr-grpc-"));
    server = new grpc.Server();
    const streams = { requestStream: false, responseStream: false };
    const codec = {
      requestSerialize: text.encode,
      requestDeserialize: text.decode,
      responseSerialize: text.encode,
      responseDeserialize: text.decode,
    };
    const define = (name: string, kind: Partial<typeof streams>) => ({
      path: `/test.Echo/${name}`,
      ...streams,
      ...kind,
      ...codec,
    });
    server.addService(
      {
        Unary: define("Unary", {}),
        Stream: define("Stream", { responseStream: true }),
        Duplex: define("Duplex", { requestStream: true, responseStream: true }),
      },
      {
        Unary(call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) {
          if (call.request === "missing") done({ code: grpc.status.NOT_FOUND, details: "there is no such thing" });
          else if (call.request !== "hang") done(null, `${call.request}/${call.metadata.get("who")}`);
        },
        Stream(call: grpc.ServerWritableStream<string, string>) {
          cancelled = once(call, "cancelled");
          for (let index = 0; index < 3; index++) call.write(`${call.request}${index}`);
          if (call.request === "ends") call.end();
        },
        Duplex(call: grpc.ServerDuplexStream<string, string>) {
          call.on("data", (message: string) => {
            if (message === "fail") call.emit("error", { code: grpc.status.ALREADY_EXISTS, details: "again" });
            else call.write(message.toUpperCase());
          });
          call.on("end", () => call.end());
        },
      },
    );
    const socket = `unix:${join(directory, "s.sock")}`;
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(socket, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
    );
    channel = dialGrpc(socket, { metadata: { who: "me" } });
  });
  after(async () => {
    channel?.close();
    server?.forceShutdown();
    await rm(directory, { recursive: true });
  });
  const failsWith = (code: string, message: RegExp) => (error: unknown) =>
    error instanceof GrpcError &&
    error.code === code &&
    message.test(error.message) &&
    error.method.startsWith("/test");

  test("calls a method, with the channel's metadata and the call's", async () => {
    assert.equal(await channel.unary(method("Unary"), "hi"), "hi/me");
    assert.equal(await channel.unary(method("Unary"), "hi", { metadata: { who: "you" } }), "hi/you");
  });

  test("gives failures as errors with a code and the server's words", async () => {
    await assert.rejects(channel.unary(method("Unary"), "missing"), failsWith("not-found", /^there is no such thing$/));
    await assert.rejects(channel.unary(method("Nothing"), ""), failsWith("unimplemented", /./));
    await assert.rejects(
      channel.unary(method("Unary"), "hang", { timeoutMs: 20 }),
      failsWith("deadline-exceeded", /./),
    );
    const nowhere = dialGrpc(`unix:${directory}/none.sock`);
    await assert.rejects(nowhere.unary(method("Unary"), ""), failsWith("unavailable", /./));
    nowhere.close();
  });

  test("a call ends with its signal, for the signal's reason", async () => {
    const abort = new AbortController();
    const call = channel.unary(method("Unary"), "hang", { signal: abort.signal });
    abort.abort(new Error("enough"));
    await assert.rejects(call, /enough/);
    await assert.rejects(channel.unary(method("Unary"), "hi", { signal: abort.signal }), /enough/);
  });

  test("a stream gives its messages, and leaving it early cancels the call", async () => {
    const all: string[] = [];
    for await (const message of channel.serverStream(method("Stream"), "ends")) all.push(message);
    assert.deepEqual(all, ["ends0", "ends1", "ends2"]);
    for await (const message of channel.serverStream(method("Stream"), "open")) {
      assert.equal(message, "open0");
      break;
    }
    await cancelled;
  });

  test("messages go both ways, and a failure comes with the next answer", async () => {
    const call = channel.duplex(method("Duplex"));
    await call.write("a");
    await call.write("b");
    call.end();
    const answers: string[] = [];
    for await (const answer of call.responses) answers.push(answer);
    assert.deepEqual(answers, ["A", "B"]);
    const failing = channel.duplex(method("Duplex"));
    await failing.write("fail");
    await assert.rejects(failing.responses[Symbol.asyncIterator]().next(), failsWith("already-exists", /^again$/));
  });
});
