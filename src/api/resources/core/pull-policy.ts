import { parseImageReference } from "../../image-reference.ts";

/** When to pull an image for which nothing is said: always for the tag "latest", otherwise when it is not present. */
export function pullPolicyFor(image: string | undefined): "Always" | "IfNotPresent" {
  if (!image) return "IfNotPresent";
  try {
    return parseImageReference(image).tag === "latest" ? "Always" : "IfNotPresent";
  } catch {
    // A malformed name is for validation to judge (upstream takes most of them).
    return "IfNotPresent";
  }
}
