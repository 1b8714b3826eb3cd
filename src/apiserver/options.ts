import type { Flags } from "../base/flags.ts";
import { DEFAULT_CLUSTER_IP_RANGE, DEFAULT_NODE_PORT_RANGE } from "./allocators/service-addresses.ts";
import { auditFlags } from "./audit/audit-flags.ts";
import { encryptionFlags } from "./encryption/options.ts";
import { SHORTEST_WATCH_SECONDS } from "./endpoints/watch.ts";
import { REQUEST_DEADLINE_MS } from "./filters/deadline.ts";
import { MAX_MUTATING, MAX_READING } from "./filters/max-in-flight.ts";
import { identityFlags } from "./identity-flags.ts";
import { storeFlags } from "./store-flags.ts";
import { trafficFlags } from "./traffic-flags.ts";

const HOUR_MS = 3_600_000;

/**
 * The flags of kube-apiserver, as upstream names them, with `--data-dir` beside them. Three defaults differ: the Service
 * range is kubeadm's, requests are authorized (upstream's default allows everything), and bootstrap tokens are accepted.
 */
export const apiServerFlags = {
  ...storeFlags,
  "bind-address": { kind: "string", default: "0.0.0.0", description: "the address to listen on" },
  "secure-port": { kind: "integer", default: 6443, description: "the port to serve HTTPS on" },
  "advertise-address": {
    kind: "string",
    description: "where the cluster reaches this server; default: --bind-address",
  },
  "tls-cert-file": { kind: "string", required: true, description: "the server's certificate, with its chain (PEM)" },
  "tls-private-key-file": { kind: "string", required: true, description: "the key of --tls-cert-file (PEM)" },
  "client-ca-file": { kind: "string", description: "the CAs whose client certificates are accepted (PEM)" },
  "anonymous-auth": { kind: "boolean", description: "lets requests without credentials be authorized; default: true" },
  "enable-bootstrap-token-auth": { kind: "boolean", default: true, description: "accepts the tokens of joining nodes" },
  "authorization-mode": { kind: "list", description: "who decides, in this order; default: Node,RBAC" },
  ...identityFlags,
  ...encryptionFlags,
  "enable-admission-plugins": { kind: "list", description: "plugins beside those that run by default" },
  "disable-admission-plugins": { kind: "list", description: "plugins not to run" },
  "admission-control-config-file": { kind: "string", description: "a file of kind AdmissionConfiguration" },
  "default-not-ready-toleration-seconds": {
    kind: "integer",
    default: 300,
    description: "how long pods tolerate an unready node, unless they say so",
  },
  "default-unreachable-toleration-seconds": {
    kind: "integer",
    default: 300,
    description: "how long pods tolerate an unreachable node, unless they say so",
  },
  "allow-privileged": { kind: "boolean", default: true, description: "only true is supported" },
  "service-account-issuer": {
    kind: "list",
    required: true,
    description: "issuers of ServiceAccount tokens; the first signs, the others are accepted",
  },
  "service-account-signing-key-file": {
    kind: "string",
    required: true,
    description: "the key that signs tokens (PEM)",
  },
  "service-account-key-file": { kind: "list", description: "further keys whose tokens are accepted (PEM)" },
  "service-account-max-token-expiration": { kind: "duration", description: "the longest that a token may live" },
  "service-account-extend-token-expiration": {
    kind: "boolean",
    default: true,
    description: "lets tokens of projected volumes live longer than asked for, with a warning",
  },
  "service-account-jwks-uri": { kind: "string", description: "where others find the keys of tokens" },
  "api-audiences": { kind: "list", description: "what tokens for this server must be meant for; default: the issuers" },
  "service-cluster-ip-range": {
    kind: "list",
    default: [DEFAULT_CLUSTER_IP_RANGE],
    description: "the CIDR of cluster IPs, or one of each IP family",
  },
  "service-node-port-range": {
    kind: "string",
    default: DEFAULT_NODE_PORT_RANGE,
    description: "the ports of NodePorts",
  },
  "requestheader-client-ca-file": {
    kind: "string",
    description: "the CAs of proxies that may name users in headers (PEM)",
  },
  "requestheader-allowed-names": {
    kind: "list",
    default: [],
    description: "common names of those proxies; default: all that the CA vouches for",
  },
  "requestheader-username-headers": {
    kind: "list",
    default: ["X-Remote-User"],
    description: "headers with the user's name; the first that is there counts",
  },
  "requestheader-uid-headers": { kind: "list", default: ["X-Remote-Uid"], description: "headers with the user's uid" },
  "requestheader-group-headers": {
    kind: "list",
    default: ["X-Remote-Group"],
    description: "headers with the user's groups",
  },
  "requestheader-extra-headers-prefix": {
    kind: "list",
    default: ["X-Remote-Extra-"],
    description: "what headers with further things about the user begin with",
  },
  "proxy-client-cert-file": { kind: "string", description: "who this server is to extension servers (PEM)" },
  "proxy-client-key-file": { kind: "string", description: "the key of --proxy-client-cert-file (PEM)" },
  "enable-aggregator-routing": {
    kind: "boolean",
    default: false,
    description: "reaches webhooks and extension servers at an endpoint of their Service, not at its cluster IP",
  },
  "kubelet-client-certificate": { kind: "string", description: "who this server is to kubelets (PEM)" },
  "kubelet-client-key": { kind: "string", description: "the key of --kubelet-client-certificate (PEM)" },
  "kubelet-certificate-authority": { kind: "string", description: "the CA of kubelets' certificates (PEM)" },
  "kubelet-preferred-address-types": {
    kind: "list",
    default: ["InternalIP", "ExternalIP", "Hostname"],
    description: "which address of a node is taken",
  },
  "max-requests-inflight": {
    kind: "integer",
    default: MAX_READING,
    description: "reading requests at once; with --max-mutating-requests-inflight, the seats of all priority levels",
  },
  "max-mutating-requests-inflight": {
    kind: "integer",
    default: MAX_MUTATING,
    description: "writing requests at once; see --max-requests-inflight",
  },
  "request-timeout": { kind: "duration", default: REQUEST_DEADLINE_MS, description: "how long a request may take" },
  "min-request-timeout": {
    kind: "integer",
    default: SHORTEST_WATCH_SECONDS,
    description: "seconds after which a watch without a timeout may end",
  },
  "event-ttl": { kind: "duration", default: HOUR_MS, description: "how long events are kept" },
  "runtime-config": {
    kind: "list",
    description:
      "versions and resources to serve or not: api/all, api/beta, group/version, group/version/resource, =true|false",
  },
  "feature-gates": { kind: "list", description: "features to turn on or off: Name=true|false" },
  ...trafficFlags,
  ...auditFlags,
} as const satisfies Flags;
