import { MAX_SCORE, type Plugin } from "../framework.ts";

/** Bounds of the image sizes that count, per container, in bytes. */
const SMALLEST = 23 * 1024 * 1024;
const LARGEST_PER_CONTAINER = 1000 * 1024 * 1024;

/** Nodes that have large images of the pod already score higher, less so where few nodes have them. */
export const imageLocality: Plugin = {
  name: "ImageLocality",
  score({ pod }, nodes, _, snapshot) {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    const wanted = new Set(containers.map(({ image }) => normalizedImage(image ?? "")));
    const spread = new Map<string, number>();
    for (const { node } of snapshot.nodes) {
      for (const { names = [] } of node?.status?.images ?? []) {
        for (const name of names) if (wanted.has(name)) spread.set(name, (spread.get(name) ?? 0) + 1);
      }
    }
    if (spread.size === 0) return undefined;
    const largest = LARGEST_PER_CONTAINER * containers.length;
    return nodes.map(({ node }) => {
      let sum = 0;
      for (const { names = [], sizeBytes = 0 } of node!.status?.images ?? []) {
        const name = names.find((candidate) => spread.has(candidate));
        if (name) sum += Math.trunc(sizeBytes * (spread.get(name)! / snapshot.nodes.length));
      }
      const bounded = Math.min(Math.max(sum, SMALLEST), largest);
      return Math.trunc((MAX_SCORE * (bounded - SMALLEST)) / (largest - SMALLEST));
    });
  },
};

/** Adds `:latest` where the name has neither tag nor digest. */
function normalizedImage(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}
