import { containersOf } from "../../api/pod-references.ts";
import { pods } from "../../api/resource-types.ts";
import { at, child, notSupported } from "../../api/resources/field-errors.ts";
import type { Pod, PodSpec } from "../../api/types/core.v1.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, stored, written } from "./refusal.ts";

/** AlwaysPullImages: nobody uses an image that another's credentials have pulled, just because it is on the node. */
export const alwaysPullImages: AdmissionPlugin = {
  name: "AlwaysPullImages",
  handles: (attributes) =>
    (attributes.operation === "CREATE" || attributes.operation === "UPDATE") &&
    (concerns(attributes, pods) || concerns(attributes, pods, "ephemeralcontainers")) &&
    !keepsItsImages(attributes),
  admit(attributes) {
    const pod = written<Pod>(attributes);
    for (const container of containersOf(pod)) container.imagePullPolicy = "Always";
    for (const { image } of pod.spec?.volumes ?? []) if (image) image.pullPolicy = "Always";
  },
  validate(attributes) {
    const { spec } = written<Pod>(attributes);
    const wrong = LISTS.flatMap((list) =>
      (spec?.[list] ?? []).flatMap(({ imagePullPolicy }, index) =>
        imagePullPolicy === "Always"
          ? []
          : [notSupported(child(at(child("spec", list), index), "imagePullPolicy"), imagePullPolicy ?? "", ["Always"])],
      ),
    );
    const problems = wrong.map(({ field, message }) => `${field}: ${message}`);
    if (problems.length === 1) throw refusal(attributes, problems[0]!);
    if (problems.length > 1) throw refusal(attributes, `[${problems.join(", ")}]`);
  },
};

const LISTS = ["initContainers", "containers", "ephemeralContainers"] as const satisfies readonly (keyof PodSpec)[];

/** An update that brings no new image has nothing to pull. */
function keepsItsImages(attributes: AdmissionAttributes): boolean {
  if (attributes.operation !== "UPDATE") return false;
  const imagesOf = (pod: Pod) => [
    ...containersOf(pod).map(({ image }) => image),
    ...(pod.spec?.volumes ?? []).flatMap(({ image }) => (image ? [image.reference] : [])),
  ];
  const before = new Set(imagesOf(stored<Pod>(attributes)));
  return imagesOf(written<Pod>(attributes)).every((image) => before.has(image));
}
