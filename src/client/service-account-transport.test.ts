import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceAccounts } from "../api/resource-types.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { fakeClient } from "./fake-client.fixture.ts";
import { serviceAccountTransport } from "./service-account-transport.ts";
import type { Transport, TransportRequest } from "./transport.ts";

test("the account is made, its token is shared, renewed before it ends, and dropped when it is refused", async () => {
  const clock = virtualClock();
  const issuer = fakeClient({ clock });
  let issued = 0;
  const subject = issuer.resource(serviceAccounts);
  const create = subject.createSubresource.bind(subject);
  const client = {
    ...issuer,
    resource: () => ({
      ...subject,
      createSubresource: async (name: string, namespace: string) => {
        if (!issuer.peek(serviceAccounts, name, namespace)) return create(name, namespace, "token", {});
        issued++;
        return {
          status: { token: `t${issued}`, expirationTimestamp: new Date(clock.now() + 3_600_000).toISOString() },
        };
      },
    }),
  } as unknown as typeof issuer;
  const sent: (string | undefined)[] = [];
  let status = 200;
  const base: Transport = {
    async request(request: TransportRequest) {
      sent.push(request.headers?.authorization);
      return { status, headers: {}, body: (async function* () {})() };
    },
    close: async () => {},
  };
  const transport = serviceAccountTransport({
    base,
    issuer: client,
    namespace: "kube-system",
    name: "job-controller",
    clock,
  });
  const ask = () => transport.request({ method: "GET", path: "/" });
  await Promise.all([ask(), ask()]);
  assert.ok(issuer.peek(serviceAccounts, "job-controller", "kube-system"));
  await clock.advance(2_800_000);
  await ask();
  await clock.advance(100_000);
  await ask();
  status = 401;
  await ask();
  status = 200;
  await ask();
  assert.deepEqual(sent, ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2", "Bearer t3"]);
});
