import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { secrets, serviceAccounts } from "../../api/resource-types.ts";
import { LEGACY_ISSUER } from "../../api/service-account-claims.ts";
import { publicKeysFromPem, signingKey, signToken, tokenKey } from "../../base/jwt.ts";
import { silentLogger } from "../../base/logger.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { issue, newAuthority } from "../../base/x509.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import { SIGNING_KEY } from "../server.fixture.ts";
import { legacyTokenUse } from "./legacy-token-use.ts";
import { serviceAccountTokenAuthenticator } from "./service-account-token.ts";

test("the day on which an old token was used is noted on its Secret, once", async () => {
  const key = signingKey(createPrivateKey(SIGNING_KEY));
  const clock = virtualClock();
  const lookup = memoryLookup();
  const prefix = "kubernetes.io/serviceaccount";
  const token = signToken(
    {
      iss: LEGACY_ISSUER,
      [`${prefix}/namespace`]: "a",
      [`${prefix}/secret.name`]: "t",
      [`${prefix}/service-account.name`]: "web",
      [`${prefix}/service-account.uid`]: "1",
      sub: "system:serviceaccount:a:web",
    },
    key,
  );
  const secret = (labels: Record<string, string>) => ({
    metadata: { name: "t", namespace: "a", uid: "s", labels },
    data: { token: Buffer.from(token).toString("base64") },
  });
  lookup.put(serviceAccounts, { metadata: { name: "web", namespace: "a", uid: "1" } });
  lookup.put(secrets, secret({}));
  const patches: unknown[] = [];
  const client = () => ({ resource: () => ({ patch: async (...all: unknown[]) => void patches.push(all) }) }) as never;
  const authenticator = serviceAccountTokenAuthenticator({
    issuers: [],
    keys: [key],
    lookup,
    clock,
    onLegacyUse: legacyTokenUse({ client, clock, logger: silentLogger }),
  });
  const use = () => authenticator.authenticateToken(token, ["api"]);
  assert.equal((await use())?.user.name, "system:serviceaccount:a:web");
  const label = "kubernetes.io/legacy-token-last-used";
  assert.deepEqual(patches, [["t", "a", "merge", { metadata: { uid: "s", labels: { [label]: "2026-01-01" } } }]]);
  lookup.put(secrets, secret({ [label]: "2026-01-01" }));
  await use();
  assert.equal(patches.length, 1);
  lookup.put(secrets, secret({ "kubernetes.io/legacy-token-invalid-since": "2025-12-31" }));
  await assert.rejects(use(), /the token in secret a\/t for service account a\/web has been marked invalid/);
  assert.equal(patches.length, 1);
});

test("key files may hold several keys, of several kinds", () => {
  const now = Date.now();
  const authority = newAuthority({ commonName: "ca", now, validityMs: 60_000 });
  const { certificatePem, privateKeyPem } = issue({
    authority,
    commonName: "x",
    usages: ["client"],
    notBefore: now,
    notAfter: now + 60_000,
  });
  const keys = publicKeysFromPem(`${SIGNING_KEY}\n# a comment\n${certificatePem}${privateKeyPem}`).map(tokenKey);
  assert.equal(keys.length, 3);
  assert.equal(keys[1]!.id, keys[2]!.id);
  assert.throws(() => publicKeysFromPem("nothing"), /does not contain any valid RSA or ECDSA public keys/);
});
