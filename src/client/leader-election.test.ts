import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { leases } from "../api/resource-types.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { ConnectionError } from "./client.ts";
import { fakeClient } from "./fake-client.fixture.ts";
import { leadWithLease } from "./leader-election.ts";

function bench() {
  const clock = virtualClock();
  const fake = fakeClient({ clock });
  const spec = () => fake.peek(leases, "manager", "kube-system")?.spec;
  const candidate = (identity: string, client = fake) => {
    const stop = new AbortController();
    const state = { leading: false, leaders: [] as string[], outcome: undefined as unknown };
    const done = leadWithLease(
      {
        client,
        clock,
        random: seededRandom(identity.length),
        logger: silentLogger,
        namespace: "kube-system",
        name: "manager",
        identity,
        onNewLeader: (leader) => state.leaders.push(leader),
      },
      stop.signal,
      async (signal) => {
        state.leading = true;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        state.leading = false;
      },
    ).catch((error) => {
      state.outcome = error;
    });
    return { state, stop: () => stop.abort(), done };
  };
  return { clock, fake, spec, candidate };
}

suite("leader election", () => {
  test("the first leads and keeps the lease, the second waits", async () => {
    const { clock, spec, candidate } = bench();
    const one = candidate("one");
    await clock.advance(0);
    const two = candidate("two+");
    await clock.advance(60_000);
    assert.equal(one.state.leading, true);
    assert.equal(two.state.leading, false);
    assert.deepEqual(two.state.leaders, ["one"]);
    assert.equal(spec()?.holderIdentity, "one");
    assert.equal(spec()?.leaseDurationSeconds, 15);
    assert.equal(spec()?.leaseTransitions, 0);
    assert.equal(spec()?.acquireTime, "2026-01-01T00:00:00.000000Z");
    assert.equal(spec()?.renewTime, "2026-01-01T00:01:00.000000Z");
    one.stop();
    two.stop();
    await Promise.all([one.done, two.done]);
  });

  test("a leader that stops lets the next one in at once", async () => {
    const { clock, spec, candidate } = bench();
    const one = candidate("one");
    await clock.advance(0);
    const two = candidate("two+");
    await clock.advance(10_000);
    one.stop();
    await one.done;
    assert.equal(spec()?.holderIdentity, "");
    assert.equal(spec()?.leaseDurationSeconds, 1);
    await clock.advance(5000);
    assert.equal(two.state.leading, true);
    assert.equal(spec()?.leaseTransitions, 1);
    two.stop();
    await two.done;
  });

  test("a leader that is gone is followed after the lease has run out by the waiter's own clock", async () => {
    const { clock, fake, candidate } = bench();
    fake.put(leases, {
      metadata: { name: "manager", namespace: "kube-system" },
      // The clock that wrote this is a year ahead.
      spec: {
        holderIdentity: "dead",
        leaseDurationSeconds: 15,
        renewTime: "2027-01-01T00:00:00.000000Z",
        leaseTransitions: 3,
      },
    });
    const two = candidate("two+");
    await clock.advance(14_900);
    assert.equal(two.state.leading, false);
    await clock.advance(5000);
    assert.equal(two.state.leading, true);
    assert.equal(fake.peek(leases, "manager", "kube-system")?.spec?.leaseTransitions, 4);
    two.stop();
    await two.done;
  });

  test("a leader that can't renew gives up after ten seconds, before the lease runs out", async () => {
    const { clock, fake, candidate } = bench();
    const one = candidate("one");
    await clock.advance(5000);
    assert.equal(one.state.leading, true);
    fake.intercept(() => {
      throw new ConnectionError("refused");
    });
    await clock.advance(8500);
    assert.equal(one.state.leading, true);
    await clock.advance(4000);
    assert.equal(one.state.leading, false);
    await one.done;
    assert.equal((one.state.outcome as Error).name, "LeadershipLostError");
  });

  test("a leader whose lease was taken stops at once", async () => {
    const { clock, fake, candidate } = bench();
    const one = candidate("one");
    await clock.advance(1000);
    const lease = fake.peek(leases, "manager", "kube-system")!;
    fake.put(leases, { ...lease, spec: { ...lease.spec, holderIdentity: "thief" } });
    await clock.advance(2000);
    assert.equal(one.state.leading, false);
    await one.done;
    assert.equal(fake.peek(leases, "manager", "kube-system")?.spec?.holderIdentity, "thief");
  });
});
