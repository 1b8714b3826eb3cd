import { jsonEqual } from "../api/json-equal.ts";
import { configMaps, namespaces } from "../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../api/status-error.ts";
import type { ConfigMap, Namespace } from "../api/types/core.v1.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";
import { isNamespaceTerminating } from "./pod-control.ts";

const NAME = "kube-root-ca.crt";
const DESCRIPTION_ANNOTATION = "kubernetes.io/description";
const DESCRIPTION =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal " +
  "service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/** Puts the cluster's certificate authority into each namespace, as ConfigMap kube-root-ca.crt, for pods to trust. */
export const rootCaPublisher: ControllerDefinition = {
  name: "root-ca-certificate-publisher-controller",
  alias: "root-ca-cert-publisher",
  serviceAccount: "root-ca-cert-publisher",
  create,
};

function create(context: ControllerContext) {
  const { client, informers, settings, logger } = context;
  const resource = client.resource(configMaps);
  const namespaceInformer = informers.informer(namespaces);
  // Only the maps of this one name: a cluster may have many others.
  const mapInformer = informers.informer(configMaps, { fieldSelector: `metadata.name=${NAME}` });
  const controller = keyedController(context, { name: "root-ca-certificate-publisher-controller", reconcile });
  if (settings.rootCa === undefined) {
    logger.info("no root CA was given: kube-root-ca.crt is not published");
    return { run: async () => {} };
  }
  const data: Record<string, string> = { "ca.crt": settings.rootCa };
  const enqueue = (namespace: Namespace) => controller.queue.add(namespace.metadata?.name ?? "");
  namespaceInformer.on({ add: enqueue, update: (_, namespace) => enqueue(namespace) });
  const enqueueOf = ({ metadata }: ConfigMap) => controller.queue.add(metadata?.namespace ?? "");
  mapInformer.on({ update: (_, map) => enqueueOf(map), delete: enqueueOf });

  async function reconcile(namespace: string, signal: AbortSignal): Promise<undefined> {
    const object = namespaceInformer.get(namespace);
    if (!object || object.metadata?.deletionTimestamp || object.status?.phase === "Terminating") return undefined;
    const present = mapInformer.get(`${namespace}/${NAME}`);
    const annotations = { ...present?.metadata?.annotations, [DESCRIPTION_ANNOTATION]: DESCRIPTION };
    if (!present) {
      await resource
        .create({ metadata: { name: NAME, namespace, annotations }, data }, { signal })
        .catch(ignoreIf((error) => isAlreadyExists(error) || isNamespaceTerminating(error)));
    } else if (
      !jsonEqual(present.data, data) ||
      present.metadata?.annotations?.[DESCRIPTION_ANNOTATION] !== DESCRIPTION
    ) {
      await resource
        .update({ ...present, metadata: { ...present.metadata, annotations }, data }, { signal })
        .catch(ignoreIf(isNotFound));
    }
    return undefined;
  }
  return controller;
}

const ignoreIf = (harmless: (error: unknown) => boolean) => (error: unknown) => {
  if (!harmless(error)) throw error;
};
