import type { Pod } from "../../api/types/core.v1.ts";
import { podName, podNamespace } from "../pod/pod.ts";

const LABEL_MAX = 63;
/** The kernel's limit of a host name. */
const FQDN_MAX = 64;

export interface PodHostname {
  /** What the sandbox's host name is set to. */
  hostname: string;
  /** The short name and the domain (empty where the pod has none), as /etc/hosts lists them. */
  short: string;
  domain: string;
}

/** The host name of the pod, from `hostname`, `subdomain`, `setHostnameAsFQDN` and `hostnameOverride`. */
export function podHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { hostname, subdomain, setHostnameAsFQDN, hostnameOverride } = pod.spec ?? {};
  if (hostnameOverride) return { hostname: hostnameOverride, short: hostnameOverride, domain: "" };
  const short = hostname || truncate(podName(pod));
  const domain = subdomain ? `${subdomain}.${podNamespace(pod)}.svc.${clusterDomain}` : "";
  if (!setHostnameAsFQDN || domain === "") return { hostname: short, short, domain };
  const full = `${short}.${domain}`;
  if (full.length > FQDN_MAX) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${FQDN_MAX} characters is the max, ${full.length} characters requested)`,
    );
  }
  return { hostname: full, short, domain };
}

function truncate(name: string): string {
  return name.length <= LABEL_MAX ? name : name.slice(0, LABEL_MAX).replace(/[-.]+$/, "");
}
