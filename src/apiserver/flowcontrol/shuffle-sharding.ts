import { createHash } from "node:crypto";

/**
 * The queues that a flow may use: `handSize` different ones of `queues`, dealt by a hash of the flow. Two flows share one
 * queue often, but all of their queues hardly ever, so that a heavy flow leaves others at least one. KEP-1040.
 */
export function dealHand(flow: bigint, queues: number, handSize: number): number[] {
  let entropy = flow;
  const remainders: number[] = [];
  for (let card = 0; card < handSize; card++) {
    const left = BigInt(queues - card);
    remainders.push(Number(entropy % left));
    entropy /= left;
  }
  // Each remainder counts among the cards that are left; as a card of the whole deck it skips those dealt before.
  const hand: number[] = [];
  for (const [index, remainder] of remainders.entries()) {
    let card = remainder;
    for (let before = index - 1; before >= 0; before--) if (card >= remainders[before]!) card++;
    hand.push(card);
  }
  return hand;
}

/** The hash of a flow: of its schema and of what tells it apart from the schema's other flows. */
export function hashFlow(schema: string, distinguisher: string): bigint {
  return createHash("sha256").update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE(0);
}
