import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { kmsSchema } from "./service.ts";

/** A KMS plugin on a Unix socket that encrypts with keys made of their names. */
export interface FakePlugin {
  readonly endpoint: string;
  /** What the status says; change it to rotate the key or to be unwell. */
  readonly status: { version: string; healthz: string; keyId: string };
  /** Calls by method. */
  readonly calls: { Status: number; Encrypt: number; Decrypt: number };
  /** Answers no more until `start`. */
  stop(): void;
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function fakePlugin(): Promise<FakePlugin> {
  const directory = await mkdtemp(join(tmpdir(), "knarr-kms-"));
  const socket = join(directory, "kms.sock");
  const status = { version: "v2", healthz: "ok", keyId: "key-1" };
  const calls = { Status: 0, Encrypt: 0, Decrypt: 0 };
  const keyOf = (id: string) => createHash("sha256").update(id).digest();
  const unary = <In, Out>(name: string, request: Codec<In>, response: Codec<Out>) => ({
    path: `/v2.KeyManagementService/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: In) => request.encode(message as never),
    requestDeserialize: (bytes: Buffer) => request.decode(bytes) as In,
    responseSerialize: (message: Out) => response.encode(message as never),
    responseDeserialize: (bytes: Buffer) => response.decode(bytes) as Out,
  });
  interface Codec<T> {
    encode(message: never): Buffer;
    decode(bytes: Uint8Array): T;
  }
  const codec = (name: Parameters<typeof kmsSchema.codec>[0]) => kmsSchema.codec(name) as unknown as Codec<Message>;
  type Message = Record<string, string> & Record<string, Buffer> & { annotations: Record<string, Buffer> };
  type Call = grpc.ServerUnaryCall<Message, unknown>;
  const implementation = {
    Status(_call: Call, done: grpc.sendUnaryData<unknown>) {
      calls.Status++;
      done(null, { ...status });
    },
    Encrypt({ request }: Call, done: grpc.sendUnaryData<unknown>) {
      calls.Encrypt++;
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", keyOf(status.keyId), nonce);
      const body = Buffer.concat([nonce, cipher.update(request.plaintext!), cipher.final(), cipher.getAuthTag()]);
      done(null, { ciphertext: body, keyId: status.keyId, annotations: { "version.example.com": Buffer.from("1") } });
    },
    Decrypt({ request }: Call, done: grpc.sendUnaryData<unknown>) {
      calls.Decrypt++;
      if (request.annotations["version.example.com"]?.toString() !== "1") {
        return done({ code: grpc.status.INVALID_ARGUMENT, details: "no annotation" });
      }
      const body: Buffer = request.ciphertext!;
      const decipher = createDecipheriv("aes-256-gcm", keyOf(request.keyId!), body.subarray(0, 12));
      decipher.setAuthTag(body.subarray(-16));
      done(null, { plaintext: Buffer.concat([decipher.update(body.subarray(12, -16)), decipher.final()]) });
    },
  };
  let server: grpc.Server | undefined;
  const start = async () => {
    const next = new grpc.Server();
    next.addService(
      {
        Status: unary("Status", codec("StatusRequest"), codec("StatusResponse")),
        Encrypt: unary("Encrypt", codec("EncryptRequest"), codec("EncryptResponse")),
        Decrypt: unary("Decrypt", codec("DecryptRequest"), codec("DecryptResponse")),
      } as unknown as grpc.ServiceDefinition,
      implementation,
    );
    await new Promise<void>((resolve, reject) =>
      next.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      ),
    );
    server = next;
  };
  const stop = () => {
    server?.forceShutdown();
    server = undefined;
  };
  await start();
  return {
    endpoint: `unix://${socket}`,
    status,
    calls,
    stop,
    start,
    async close() {
      stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
