import type { AdmissionAttributes } from "../admission/admission.ts";
import type { Reply } from "../http/exchange.ts";
import { admit, validateAdmission } from "../registry/admission-chain.ts";
import { settleNamespace } from "../registry/metadata.ts";
import type { VirtualResource } from "../virtual-resource.ts";
import { decodeBody } from "./decode-body.ts";
import { encodingFor, type ResourceRequest, valueReply } from "./resource-request.ts";
import { writeOptions } from "./write-options.ts";

/** POST to what is never stored: decoded and admitted like any object, then answered by the resource itself. */
export function createVirtual(virtual: VirtualResource): (request: ResourceRequest) => Promise<Reply> {
  return async (request) => {
    const { resource, subresource, namespace, name, context, services } = request;
    const encoding = await encodingFor(request, "review");
    const options = writeOptions(request, "CreateOptions");
    const expected = virtual.bodyKind ?? subresource?.kind ?? resource.type;
    const object = await decodeBody(request, expected, options.fieldValidation);
    request.context.audit?.requestObject(object);
    if (resource.type.namespaced) settleNamespace(object, namespace);
    const attributes: AdmissionAttributes = {
      operation: "CREATE",
      type: resource.type,
      kind: expected,
      subresource: subresource?.name,
      namespace: namespace || undefined,
      name: name || (object.metadata?.name ?? ""),
      object,
      options: options.write.options,
      dryRun: options.dryRun,
      user: context.user,
      warn: (text) => options.write.warn(text),
      annotate: options.write.annotate,
      signal: options.write.signal,
    };
    await admit(services.admission, attributes);
    await validateAdmission(services.admission, attributes);
    const answer = await virtual.create(object, {
      user: context.user,
      ...(namespace ? { namespace } : {}),
      ...(name ? { name } : {}),
      dryRun: options.dryRun,
      warn: (text) => options.write.warn(text),
    });
    return valueReply(answer, 201, encoding);
  };
}
