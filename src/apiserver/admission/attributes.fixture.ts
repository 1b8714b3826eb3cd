import type { KubeObject, ResourceType, UnknownObject } from "../../api/object.ts";
import type { UserInfo } from "../../api/user.ts";
import { cloneJson } from "../../base/clone.ts";
import { admit } from "../registry/admission-chain.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";

export interface WriteOptions {
  object?: object;
  old?: object;
  operation?: AdmissionAttributes["operation"];
  subresource?: string;
  user?: UserInfo;
  name?: string;
  dryRun?: boolean;
}

/** A write as a plugin sees it: a creation, or an update where an old object is given. */
export function write(type: ResourceType<KubeObject>, options: WriteOptions = {}) {
  const object = options.object && (cloneJson(options.object) as UnknownObject);
  const oldObject = options.old as UnknownObject | undefined;
  const metadata = (object ?? oldObject)?.metadata;
  const warnings: string[] = [];
  const attributes: AdmissionAttributes = {
    operation: options.operation ?? (oldObject ? "UPDATE" : "CREATE"),
    type: type as ResourceType,
    name: options.name ?? metadata?.name ?? "",
    ...(metadata?.namespace ? { namespace: metadata.namespace } : {}),
    ...(options.subresource ? { subresource: options.subresource } : {}),
    ...(object ? { object } : {}),
    ...(oldObject ? { oldObject } : {}),
    options: {},
    dryRun: options.dryRun ?? false,
    user: options.user ?? { name: "jane", groups: [] },
    warn: (text) => warnings.push(text),
  };
  return { attributes, warnings };
}

/** Runs a plugin as the server does; gives the object and the warnings. */
export async function run(
  plugin: AdmissionPlugin,
  type: ResourceType<KubeObject>,
  options: WriteOptions = {},
): Promise<{ object: UnknownObject; warnings: string[]; handled: boolean }> {
  const { attributes, warnings } = write(type, options);
  const handled = plugin.handles(attributes);
  if (handled) {
    await admit([plugin], attributes);
    await plugin.validate?.(attributes);
  }
  return { object: attributes.object ?? {}, warnings, handled };
}
