import { type CallOptions, dialGrpc, GrpcError, type GrpcMethod } from "../../../base/grpc.ts";
import { protobufSchema } from "../../../base/protobuf-schema.ts";

/**
 * A KMS plugin as it is called: Kubernetes' KMS API v2 (https://github.com/kubernetes/kms), by gRPC on a Unix socket. All
 * calls reject with a GrpcError where the plugin can't be reached or refuses.
 */
export interface KmsService {
  status(): Promise<KmsStatus>;
  /** Encrypts a key that the server made, by the key that only the plugin has. */
  encrypt(uid: string, plaintext: Uint8Array): Promise<KmsEncrypted>;
  decrypt(uid: string, encrypted: KmsEncrypted): Promise<Uint8Array>;
  close(): void;
}

export interface KmsStatus {
  readonly version: string;
  /** `ok` where the plugin is well. */
  readonly healthz: string;
  /** The key that it encrypts with now. */
  readonly keyId: string;
}

export interface KmsEncrypted {
  readonly ciphertext: Uint8Array;
  readonly keyId: string;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

export const kmsSchema = protobufSchema({
  enums: { DekSourceType: ["AES_GCM_KEY", "HKDF_SHA256_XNONCE_AES_GCM_SEED"] },
  messages: {
    StatusRequest: {},
    StatusResponse: { version: "1 string", healthz: "2 string", keyId: "3 string" },
    EncryptRequest: { plaintext: "1 bytes", uid: "2 string" },
    EncryptResponse: { ciphertext: "1 bytes", keyId: "2 string", annotations: "3 map bytes" },
    DecryptRequest: { ciphertext: "1 bytes", uid: "2 string", keyId: "3 string", annotations: "4 map bytes" },
    DecryptResponse: { plaintext: "1 bytes" },
    /** A value as it is stored. */
    EncryptedObject: {
      encryptedData: "1 bytes",
      keyId: "2 string",
      encryptedDekSource: "3 bytes",
      annotations: "4 map bytes",
      encryptedDekSourceType: "5 DekSourceType",
    },
  },
});

function method<
  Request extends "StatusRequest" | "EncryptRequest" | "DecryptRequest",
  Response extends "StatusResponse" | "EncryptResponse" | "DecryptResponse",
>(name: string, request: Request, response: Response) {
  return {
    path: `/v2.KeyManagementService/${name}`,
    request: kmsSchema.codec(request),
    response: kmsSchema.codec(response),
  };
}
const STATUS = method("Status", "StatusRequest", "StatusResponse");
const ENCRYPT = method("Encrypt", "EncryptRequest", "EncryptResponse");
const DECRYPT = method("Decrypt", "DecryptRequest", "DecryptResponse");

/** Told of each call: `OK` or the gRPC code, and how long it took. */
export type KmsCallObserver = (method: string, code: string, seconds: number) => void;

/** The plugin at `endpoint` (`unix:///path` or `unix:path`, `@` for an abstract socket). Each call may take `timeoutMs`. */
export function dialKms(
  endpoint: string,
  timeoutMs: number,
  observe: KmsCallObserver = () => {},
  monotonic: () => number = () => 0,
): KmsService {
  const channel = dialGrpc(socketOf(endpoint));
  const options: CallOptions = { timeoutMs };
  const call = async <Req, Res>(rpc: GrpcMethod<Req, Res>, request: Req): Promise<Res> => {
    const started = monotonic();
    const seconds = () => (monotonic() - started) / 1000;
    try {
      const response = await channel.unary(rpc, request, options);
      observe(rpc.path, "OK", seconds());
      return response;
    } catch (error) {
      observe(rpc.path, error instanceof GrpcError ? goCode(error.code) : "unknown-non-grpc", seconds());
      throw error;
    }
  };
  return {
    status: () => call(STATUS, {}),
    encrypt: (uid, plaintext) => call(ENCRYPT, { plaintext, uid }),
    decrypt: async (uid, { ciphertext, keyId, annotations }) =>
      (await call(DECRYPT, { uid, ciphertext, keyId, annotations })).plaintext,
    close: () => channel.close(),
  };
}

/** `deadline-exceeded` → `DeadlineExceeded`, as Go's metrics say it. */
export const goCode = (code: string): string =>
  code.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

function socketOf(endpoint: string): string {
  const { pathname, host } = new URL(endpoint);
  return `unix:${host}${decodeURIComponent(pathname)}`;
}
