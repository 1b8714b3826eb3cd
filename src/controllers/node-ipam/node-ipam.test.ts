import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { nodes } from "../../api/resource-types.ts";
import type { Node } from "../../api/types/core.v1.ts";
import { parseRange } from "../../base/ip-range.ts";
import { ConnectionError } from "../../client/client.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { blockPool } from "./block-pool.ts";
import { nodeIpamController } from "./controller.ts";
import { type NodeRangeOptions, nodeRanges } from "./ranges.ts";

const node = (name: string, ...podCIDRs: string[]): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  ...(podCIDRs.length > 0 ? { spec: { podCIDR: podCIDRs[0]!, podCIDRs } } : {}),
});
const given = (options: NodeRangeOptions, ...service: string[]) => ({
  nodeCidrs: { ranges: nodeRanges(options), serviceRanges: service.map(parseRange) },
});
const four = given({ clusterCidrs: ["10.0.0.0/22"] });

suite("ranges for nodes", () => {
  const taken: [NodeRangeOptions, string[]][] = [
    [{ clusterCidrs: ["10.0.0.0/16"] }, ["10.0.0.0/16 24"]],
    [{ clusterCidrs: ["10.0.0.0/16"], size: 26 }, ["10.0.0.0/16 26"]],
    [{ clusterCidrs: ["fd00::/48", "10.0.0.0/16"], sizeIpv4: 25 }, ["fd00::/48 64", "10.0.0.0/16 25"]],
  ];
  for (const [options, expected] of taken) {
    test(JSON.stringify(options), () =>
      assert.deepEqual(
        nodeRanges(options).map(({ range, size }) => `${range.text} ${size}`),
        expected,
      ),
    );
  }
  const refused: [NodeRangeOptions, RegExp][] = [
    [{ clusterCidrs: [] }, /needs --cluster-cidr/],
    [{ clusterCidrs: ["10.0.0.0"] }, /invalid CIDR address/],
    [{ clusterCidrs: ["10.0.0.0/16", "10.1.0.0/16"] }, /not configured as dual stack/],
    [{ clusterCidrs: ["10.0.0.0/16", "fd00::/56", "fd01::/56"] }, /more than max allowed of 2/],
    [{ clusterCidrs: ["10.0.0.0/16", "fd00::/56"], size: 24 }, /not allowed with dual-stack/],
    [{ clusterCidrs: ["10.0.0.0/16"], size: 24, sizeIpv4: 24 }, /not allowed if --node-cidr-mask-size is set/],
    [{ clusterCidrs: ["10.0.0.0/16"], sizeIpv6: 64 }, /single-stack IPv4/],
    [{ clusterCidrs: ["fd00::/56"], sizeIpv4: 24 }, /single-stack IPv6/],
    [{ clusterCidrs: ["10.0.0.0/25"] }, /mask size of cluster CIDR/],
    [{ clusterCidrs: ["10.0.0.0/24"], size: 31 }, /\/30 is the smallest/],
    [{ clusterCidrs: ["fd00::/40"] }, /size is too big/],
  ];
  for (const [options, message] of refused) {
    test(`refused: ${JSON.stringify(options)}`, () => assert.throws(() => nodeRanges(options), message));
  }
});

suite("blocks of a range", () => {
  test("each block is given once, those given back last, and larger parts take all their blocks", () => {
    const pool = blockPool({ range: parseRange("10.0.0.0/21"), size: 24 });
    const take = () => {
      const block = pool.next();
      if (block) pool.occupy(parseRange(block));
      return block;
    };
    pool.occupy(parseRange("10.0.2.0/23"));
    pool.occupy(parseRange("10.0.5.128/25"));
    pool.occupy(parseRange("192.168.0.0/24"));
    assert.deepEqual([take(), take(), take()], ["10.0.0.0/24", "10.0.1.0/24", "10.0.4.0/24"]);
    pool.release(parseRange("10.0.0.0/24"));
    assert.deepEqual([take(), take(), take(), take()], ["10.0.6.0/24", "10.0.7.0/24", "10.0.0.0/24", undefined]);
    pool.release(parseRange("10.0.2.0/23"));
    assert.deepEqual([take(), take(), take()], ["10.0.2.0/24", "10.0.3.0/24", undefined]);
  });

  test("what covers the range leaves nothing", () => {
    const pool = blockPool({ range: parseRange("fd00:0:0:1000::/60"), size: 64 });
    pool.occupy(parseRange("fd00::/16"));
    assert.equal(pool.next(), undefined);
  });
});

suite("node ipam", () => {
  test("gives each node a block, leaves alone those that have one, and settles", () =>
    withControllers(
      nodeIpamController,
      { objects: [node("a"), node("b", "10.0.0.0/24"), node("c")], settings: four },
      async ({ fake, assertQuiet }) => {
        const of = (name: string) => fake.peek(nodes, name)?.spec;
        assert.deepEqual(of("a"), { podCIDR: "10.0.1.0/24", podCIDRs: ["10.0.1.0/24"] });
        assert.deepEqual(of("c"), { podCIDR: "10.0.2.0/24", podCIDRs: ["10.0.2.0/24"] });
        assert.equal(fake.writes().length, 2);
        await assertQuiet();
      },
    ));

  test("dual stack: one of each family, beside the Services", () =>
    withControllers(
      nodeIpamController,
      {
        objects: [node("a")],
        settings: given({ clusterCidrs: ["10.0.0.0/22", "fd00::/56"] }, "10.0.0.0/23", "fd00::/112"),
      },
      async ({ fake }) => assert.deepEqual(fake.peek(nodes, "a")?.spec?.podCIDRs, ["10.0.2.0/24", "fd00:0:0:1::/64"]),
    ));

  test("a node waits, with an event, until another one goes", () =>
    withControllers(
      nodeIpamController,
      { objects: ["a", "b", "c", "d"].map((name) => node(name)), settings: four },
      async (bench) => {
        const { fake, settle } = bench;
        fake.put(nodes, node("e"));
        await settle(60_000);
        assert.deepEqual(bench.events(), ["CIDRNotAvailable: Node e status is now: CIDRNotAvailable"]);
        assert.equal(fake.peek(nodes, "e")?.spec?.podCIDR, undefined);
        const freed = fake.peek(nodes, "b")?.spec?.podCIDR;
        fake.remove(nodes, "b");
        await settle();
        assert.equal(fake.peek(nodes, "e")?.spec?.podCIDR, freed);
        await bench.assertQuiet();
      },
    ));

  test("where there was no answer the same block is tried again", () => {
    let failures = 0;
    const asked: unknown[] = [];
    return withControllers(
      nodeIpamController,
      {
        objects: [node("a")],
        settings: four,
        prepare: (fake) =>
          fake.intercept(({ verb, resource, body }) => {
            if (verb !== "patch" || resource !== "nodes") return;
            asked.push((body as Node).spec?.podCIDR);
            if (failures++ === 0) throw new ConnectionError("reset");
          }),
      },
      async ({ fake, settle }) => {
        await settle(1000);
        assert.equal(fake.peek(nodes, "a")?.spec?.podCIDR, "10.0.0.0/24");
        assert.deepEqual(asked, ["10.0.0.0/24", "10.0.0.0/24"]);
      },
    );
  });

  test("does nothing unless it is asked to", () =>
    withControllers(nodeIpamController, { objects: [node("a")] }, async ({ fake }) =>
      assert.equal(fake.actions.length, 0),
    ));
});
