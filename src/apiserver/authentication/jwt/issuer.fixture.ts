import { constants, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { type TestWebhook, testWebhook } from "../../webhook/webhook-server.fixture.ts";

/** A key that an issuer signs with. */
export interface IssuerKeyPair {
  readonly id: string;
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function ecKey(id: string): IssuerKeyPair {
  return { id, algorithm: "ES256", ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
}
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const rsaKey = (id: string, algorithm: "RS256" | "PS256"): IssuerKeyPair => ({ id, algorithm, ...rsa });

/** A token with these claims; `header` overrides what the key says. */
export function mint(key: IssuerKeyPair, claims: object, header: object = {}): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: key.algorithm, kid: key.id, ...header })}.${encode(claims)}`;
  const how =
    key.algorithm === "PS256"
      ? { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : { key: key.privateKey, dsaEncoding: "ieee-p1363" as const };
  return `${body}.${sign("sha256", Buffer.from(body), how).toString("base64url")}`;
}

export interface TestIssuer {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** What its key set holds; change it to rotate. */
  keys: IssuerKeyPair[];
  /** Whether it answers. */
  up: boolean;
  /** What `/groups` answers: the distributed claim. */
  groups: string;
  readonly requests: TestWebhook["requests"];
  stop(): Promise<void>;
}

/** An OpenID Connect issuer on a free port. */
export async function testIssuer(keys: IssuerKeyPair[]): Promise<TestIssuer> {
  const server = await testWebhook(({ path }) => {
    if (!issuer.up) return { status: 503, body: "down" };
    if (path === "/.well-known/openid-configuration" || path === "/elsewhere") {
      return { body: { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` } };
    }
    if (path === "/keys") {
      return {
        body: {
          keys: issuer.keys.map(({ id, algorithm, publicKey }) => ({
            ...publicKey.export({ format: "jwk" }),
            kid: id,
            alg: algorithm,
            use: "sig",
          })),
        },
      };
    }
    if (path === "/moved") return { status: 302, headers: { location: "/elsewhere" }, body: "" };
    return path === "/groups" ? { body: issuer.groups } : { status: 404, body: "" };
  });
  const issuer: TestIssuer = {
    url: `https://localhost:${server.port}`,
    ca: Buffer.from(server.caBundle, "base64").toString(),
    keys,
    up: true,
    groups: "",
    requests: server.requests,
    stop: () => server.stop(),
  };
  return issuer;
}
