import type { AddressInfo } from "node:net";
import type { UserInfo } from "../api/user.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricsRegistry } from "../base/metrics.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import type { Transport } from "../client/transport.ts";
import type { Store } from "../store/store.ts";
import type { AdmissionConfiguration } from "./admission/admission-configuration.ts";
import type { PluginChoice, PluginServices } from "./admission/plugins.ts";
import type { ProxyClient } from "./aggregation/remote-server.ts";
import type { FeatureGates } from "./feature-gates.ts";
import type { HealthCheck } from "./health.ts";
import type { ListenOptions, TlsMaterial } from "./http/listener.ts";
import type { DescriptionTable } from "./openapi/descriptions.ts";
import type { PostStartHook } from "./post-start.ts";
import type { KubeletClientOptions } from "./proxy/kubelets.ts";
import type { Serves } from "./runtime-config.ts";
import type { SecurityOptions } from "./security.ts";
import type { TrafficOptions } from "./traffic.ts";
import type { ServiceRouting } from "./webhook/service-resolver.ts";

/** What an API server is assembled from. */
export interface ApiServerOptions extends TrafficOptions {
  /** Stays the caller's: `close` does not close it. */
  store: Store;
  /** Whether no other server ever has the store, as one in memory: then no lease tells of this one. Default false. */
  soleServer?: boolean;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Needed to listen. */
  network?: Network;
  security: SecurityOptions;
  /** The name of this machine, for others to tell servers apart. */
  hostname?: string;
  /** Host and port by which others reach the server, for discovery and the tokens' issuer. */
  externalAddress: string;
  /** After which a watch that names no timeout may end. Default: half an hour. */
  shortestWatchSeconds?: number;
  /** How long Events are kept. Default: an hour. */
  eventTtlMs?: number;
  /** The ranges that Services get their addresses from: one CIDR, or one of each IP family. Default: 10.96.0.0/16. */
  serviceClusterIpRanges?: readonly string[];
  /** Default: 30000-32767. */
  serviceNodePortRange?: string;
  /**
   * Where the cluster reaches this server: the endpoint of the Service `kubernetes`. Not a loopback address. Absent: that
   * Service is not kept.
   */
  advertise?: { address: string; port: number };
  admissionPlugins?: PluginChoice;
  /** Upstream's --admission-control-config-file. */
  admissionConfiguration?: AdmissionConfiguration;
  /** How long pods tolerate bad nodes unless they say so. */
  tolerations?: PluginServices["tolerations"];
  /** Absent: logs, exec and the proxies are not served. */
  kubeletClient?: KubeletClientOptions;
  /** Who this server is to the extension servers behind it. Absent: they can't know whom requests are from. */
  proxyClient?: ProxyClient;
  /** How this server gets to the Services of webhooks and extension servers. Default: straight to an endpoint. */
  serviceRouting?: ServiceRouting;
  /** PEM of the CAs that client certificates are verified against, for other components to know. See `listen`. */
  clientCa?: string;
  /** Reads the descriptions that OpenAPI documents show. Absent: they show none. */
  descriptions?: () => Promise<DescriptionTable | undefined>;
  /** Which resources are served in which versions. Default: all stable ones. */
  serves?: Serves;
  /** Default: as upstream's defaults. */
  features?: FeatureGates;
  /** Freezes the objects that all share, so that whoever changes one is found out. For tests. */
  freeze?: boolean;
  /** Where the server's metrics go, beside others'. Default: a registry of its own. */
  metrics?: MetricsRegistry;
  /** Further checks of `/livez` and `/readyz`. */
  healthChecks?: readonly HealthCheck[];
  /** Further things to put in place after the start. */
  postStartHooks?: readonly PostStartHook[];
}

/** A server at work. */
export interface ApiServer {
  /** Serves over TLS. May be called several times, for several addresses. */
  listen(options: ListenOptions): Promise<AddressInfo>;
  /** Uses other certificates and CAs, for connections from now on. Throws for what can't be used. */
  updateTls(material: TlsMaterial): void;
  /** A client's way in without sockets, through the whole filter chain, as `user`. */
  transport(user: UserInfo): Transport;
  /** Resolves when all that is put in place after the start is there: then `/readyz` says ok. */
  readonly ready: Promise<void>;
  /**
   * `/readyz` fails; after the shutdown delay watches end and running requests finish (for at most `graceMs`), then all
   * stops.
   */
  close(graceMs?: number): Promise<void>;
}
