import type { KubeObject } from "../../api/object.ts";
import { ingressClasses, ingresses, persistentVolumeClaims, storageClasses } from "../../api/resource-types.ts";
import type { PersistentVolumeClaim } from "../../api/types/core.v1.ts";
import type { Ingress } from "../../api/types/networking.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, written } from "./refusal.ts";

/** DefaultStorageClass: a claim that names no class gets the one that is marked as default. */
export function defaultStorageClass({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, persistentVolumeClaims),
    async admit(attributes) {
      const { metadata, spec } = written<PersistentVolumeClaim>(attributes);
      // An empty name is a choice, too: no class.
      if (!spec || (spec.storageClassName ?? undefined) !== undefined) return;
      if (metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] !== undefined) return;
      const name = newestDefault(await lookup.list(storageClasses), [
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
      ]);
      if (name) spec.storageClassName = name;
    },
  };
}

/** DefaultIngressClass: an Ingress that names no class gets the one that is marked as default. */
export function defaultIngressClass({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "DefaultIngressClass",
    handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, ingresses),
    async admit(attributes) {
      const ingress = written<Ingress>(attributes);
      if ((ingress.spec?.ingressClassName ?? undefined) !== undefined) return;
      if (ingress.metadata?.annotations?.["kubernetes.io/ingress.class"] !== undefined) return;
      const name = newestDefault(await lookup.list(ingressClasses), ["ingressclass.kubernetes.io/is-default-class"]);
      if (name) ingress.spec = { ...ingress.spec, ingressClassName: name };
    },
  };
}

/** The default among classes: annotated so, the newest of several, then the first by name. */
function newestDefault(classes: readonly KubeObject[], annotations: readonly string[]): string | undefined {
  const created = (object: KubeObject) => Date.parse(object.metadata?.creationTimestamp ?? "") || 0;
  const name = (object: KubeObject) => object.metadata?.name ?? "";
  const defaults = classes.filter(({ metadata }) => annotations.some((key) => metadata?.annotations?.[key] === "true"));
  defaults.sort((a, b) => created(b) - created(a) || (name(a) < name(b) ? -1 : 1));
  return defaults[0]?.metadata?.name;
}
