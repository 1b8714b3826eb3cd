import { namespaces } from "../../api/resource-types.ts";
import { isAlreadyExists, notFound } from "../../api/status-error.ts";
import type { Client } from "../../client/client.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";

const isNamespace = ({ type }: AdmissionAttributes) => type.group === "" && type.resource === namespaces.resource;

async function isThere(lookup: Lookup, name: string): Promise<boolean> {
  const known = await lookup.get(namespaces, name);
  return known !== undefined || (await lookup.get(namespaces, name, undefined, { fresh: true })) !== undefined;
}

/** NamespaceExists: nothing is written to a namespace that is not there. NamespaceLifecycle says so, too. */
export function namespaceExists({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "NamespaceExists",
    handles: (attributes) =>
      attributes.operation !== "CONNECT" && Boolean(attributes.namespace) && !isNamespace(attributes),
    async validate({ namespace = "" }) {
      if (!(await isThere(lookup, namespace))) throw notFound(namespaces, namespace);
    },
  };
}

/** NamespaceAutoProvision: a namespace comes into being with the first object that is made in it. */
export function namespaceAutoProvision({ lookup, client }: { lookup: Lookup; client: () => Client }): AdmissionPlugin {
  return {
    name: "NamespaceAutoProvision",
    handles: (attributes) =>
      attributes.operation === "CREATE" && Boolean(attributes.namespace) && !isNamespace(attributes),
    async admit({ namespace = "", dryRun }) {
      if (dryRun || (await isThere(lookup, namespace))) return;
      try {
        await client()
          .resource(namespaces)
          .create({ metadata: { name: namespace } });
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    },
  };
}
