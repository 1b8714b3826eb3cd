import { customResourceDefinitions } from "../../api/resource-types.ts";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from "../../api/types/apiextensions.v1.ts";
import { client } from "../../client/api-client.ts";
import { ADMIN, send } from "../server.fixture.ts";
import type { ApiServer } from "../server.ts";

export const GROUP = "example.com";
export const WIDGETS = `/apis/${GROUP}/v1/namespaces/default/widgets`;
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** A definition of widgets, with one version unless told. */
export function widgetDefinition(
  schema: JSONSchemaProps,
  options: {
    version?: Partial<CustomResourceDefinitionVersion>;
    versions?: CustomResourceDefinitionVersion[];
    spec?: Partial<CustomResourceDefinition["spec"]>;
    plural?: string;
    kind?: string;
  } = {},
): CustomResourceDefinition {
  const { plural = "widgets", kind = "Widget" } = options;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: options.versions ?? [
        { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema }, ...options.version },
      ],
      ...options.spec,
    },
  };
}

/** Creates a definition and waits until it is established. */
export async function establish(server: ApiServer, definition: CustomResourceDefinition): Promise<void> {
  const created = await send(server, "POST", DEFINITIONS, definition);
  if (created.status !== 201) throw new Error(created.text);
  await untilDefinition(server, definition.metadata!.name!, (one) => hasCondition(one, "Established"));
}

export const hasCondition = (definition: CustomResourceDefinition | undefined, type: string, status = "True") =>
  definition?.status?.conditions?.some((one) => one.type === type && one.status === status) ?? false;

/** Waits until a definition (undefined: gone) is as wanted. */
export async function untilDefinition(
  server: ApiServer,
  name: string,
  wanted: (definition: CustomResourceDefinition | undefined) => boolean,
): Promise<CustomResourceDefinition | undefined> {
  const definitions = client(server.transport(ADMIN)).resource(customResourceDefinitions);
  const fieldSelector = `metadata.name=${name}`;
  const { items, metadata } = await definitions.list({ fieldSelector });
  if (wanted(items[0])) return items[0];
  const ending = new AbortController();
  try {
    const { resourceVersion } = metadata ?? {};
    for await (const event of definitions.watch({ signal: ending.signal, fieldSelector, resourceVersion })) {
      if (event.type === "BOOKMARK" || event.type === "ERROR") continue;
      const definition = event.type === "DELETED" ? undefined : event.object;
      if (wanted(definition)) return definition;
    }
  } finally {
    ending.abort();
  }
  throw new Error(`the watch of ${name} ended`);
}

/** A widget by name, with these fields. */
export const widget = (name: string, fields: Record<string, unknown> = {}) => ({
  apiVersion: `${GROUP}/v1`,
  kind: "Widget",
  metadata: { name },
  ...fields,
});
