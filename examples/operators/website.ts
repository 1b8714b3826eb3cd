/**
 * An operator with children: a Website becomes a ConfigMap with its page, a Deployment that serves it and a Service in
 * front. It shows server-side apply, owned objects, a finalizer, and conditions in a status.
 */

import { resources } from "knarr/client";
import { customResource, generationChanged, reconciler } from "knarr/controller";

export const websites = customResource({
  group: "examples.knarr.dev",
  version: "v1",
  kind: "Website",
  spec: {
    type: "object",
    required: ["page"],
    properties: {
      page: { type: "string", maxLength: 100_000 },
      replicas: { type: "integer", minimum: 0, maximum: 50, default: 2 },
    },
  },
  status: {
    type: "object",
    properties: { ready: { type: "integer" }, address: { type: "string" } },
  },
  columns: [
    { name: "Ready", type: "integer", jsonPath: ".status.ready" },
    { name: "Address", type: "string", jsonPath: ".status.address" },
  ],
});

/** Where addresses of sites are announced to the world; stands for a DNS provider. */
export interface Announcer {
  announce(site: string, address: string): Promise<void>;
  withdraw(site: string): Promise<void>;
}

export const websiteController = (announcer: Announcer) =>
  reconciler({
    name: "website",
    for: websites,
    when: generationChanged,
    owns: [resources.deployments, resources.services, resources.configMaps],
    finalizer: {
      name: "examples.knarr.dev/announced",
      finalize: (site) => announcer.withdraw(site.metadata!.name!),
    },
    async reconcile(site, { apply, owned, updateStatus, event }) {
      const name = site.metadata!.name!;
      const labels = { "examples.knarr.dev/website": name };
      await apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { "index.html": site.spec.page } });
      await apply({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name },
        spec: {
          replicas: site.spec.replicas ?? 2,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [
                {
                  name: "web",
                  image: "nginx:1.29",
                  volumeMounts: [{ name: "page", mountPath: "/usr/share/nginx/html" }],
                },
              ],
              volumes: [{ name: "page", configMap: { name } }],
            },
          },
        },
      });
      const service = await apply({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name },
        spec: { selector: labels, ports: [{ port: 80 }], clusterIP: undefined as string | undefined },
      });
      const address = service.spec.clusterIP ?? "";
      const ready = owned(resources.deployments)[0]?.status?.readyReplicas ?? 0;
      if (site.status?.address !== address) {
        await announcer.announce(name, address);
        event("Normal", "Announced", `Reachable at ${address}`);
      }
      await updateStatus({ ready, address });
    },
  });
