import { resourceDefinitions } from "../api/resources/index.ts";
import type { Files } from "../base/files.ts";
import type { FlagValues } from "../base/flags.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import { metricsRegistry } from "../base/metrics.ts";
import type { Store } from "../store/store.ts";
import type { AdmissionConfiguration } from "./admission/admission-configuration.ts";
import { prepareAuditing } from "./audit/audit-flags.ts";
import type { RequestHeaderOptions } from "./authentication/request-header.ts";
import type { Encryption, EncryptionOptions } from "./encryption/encryption.ts";
import { checkFixedFlags } from "./fixed-flags.ts";
import type { ListenOptions, TlsMaterial } from "./http/listener.ts";
import { type IdentitySettings, identitySettings } from "./identity-flags.ts";
import type { apiServerFlags } from "./options.ts";
import { servedApi } from "./served-api.ts";
import { type ApiServer, type ApiServerOptions, createApiServer } from "./server.ts";
import { followServingFiles, readServingFiles, type ServingFiles } from "./serving-files.ts";
import { DEFAULT_ETCD_PREFIX, etcdPrefix, type StoreSettings, storeSettings } from "./store-flags.ts";
import { type TrafficSettings, trafficSettings } from "./traffic-flags.ts";

type Values = FlagValues<typeof apiServerFlags>;

export interface RunApiServerOptions extends Pick<Machine, "clock" | "random" | "network" | "files"> {
  logger: Logger;
  flags: Values;
  openStore(settings: StoreSettings): Promise<Store>;
  /** The name of this machine. */
  hostname?: string;
  descriptions?: ApiServerOptions["descriptions"];
  /** Whether the Service `kubernetes` leads here. Default true; then the address must not be a loopback one. */
  advertised?: boolean;
  /** Whether no other server has the store. Default false. */
  soleServer?: boolean;
  /** Called when requests are taken. */
  onServing?(server: ApiServer): void;
  /** Writes to standard output, for an audit log that goes there. */
  stdout?(text: string): void;
}

/** Serves until `signal` is aborted. Rejects for flags that can't be used, and where the port or the store can't be had. */
export async function runApiServer(options: RunApiServerOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, network, files, logger, flags } = options;
  const stored = checkFlags(flags);
  const traffic = trafficSettings(flags);
  const read = async (path: string | undefined) => (path ? await files.readFile(path, "utf8") : undefined);
  const metrics = metricsRegistry();
  const identity = await identitySettings(flags, { files, clock, logger, network, metrics });
  let encrypting: Encryption | undefined;
  let store: Store | undefined;
  try {
    const settings = await serverSettings(flags, read, identity);
    const { stdout = () => {} } = options;
    const admissionConfiguration = await admissionSettings(flags, files);
    const auditing = await prepareAuditing(flags, { files, clock, stdout });
    const paths = servingFiles(flags, traffic);
    const loaded = await readServingFiles(paths, files);
    const { clientCa } = loaded;
    encrypting = await encryptionOf(flags, { files, clock, random, logger, metrics });
    store = await options.openStore(stored);
    const server = createApiServer({
      ...settings,
      ...(options.advertised === false ? { advertise: undefined } : {}),
      soleServer: options.soleServer ?? false,
      ...traffic,
      ...(auditing ? { auditing } : {}),
      ...(admissionConfiguration ? { admissionConfiguration } : {}),
      flags: shownFlags(flags),
      ...(clientCa ? { clientCa: clientCa.toString() } : {}),
      descriptions: options.descriptions,
      ...(options.hostname ? { hostname: options.hostname } : {}),
      store: encrypting ? await withEncryption(store, encrypting, flags) : store,
      ...(encrypting?.check ? { healthChecks: [encrypting.check] } : {}),
      metrics,
      clock,
      random,
      network,
      logger,
    });
    try {
      const address = await server.listen({ ...listenAddress(flags), ...traffic.tls, ...loaded });
      logger.info("serving", { address: address.address, port: address.port });
      options.onServing?.(server);
      const apply = (material: TlsMaterial) => server.updateTls(material);
      const following = followServingFiles({ paths, loaded, apply, files, clock, logger });
      await aborted(signal);
      following.stop();
    } finally {
      await server.close();
    }
  } finally {
    encrypting?.stop();
    identity.stop();
    await store?.close();
  }
}

/** Refuses what is not supported; returns where the store is. */
function checkFlags(flags: Values): StoreSettings {
  checkFixedFlags(flags);
  const settings = storeSettings(flags);
  if (!flags["allow-privileged"])
    throw new Error("--allow-privileged=false is not supported: use Pod Security admission");
  return settings;
}

async function admissionSettings(flags: Values, files: Files): Promise<AdmissionConfiguration | undefined> {
  const path = flags["admission-control-config-file"];
  if (!path) return undefined;
  const { admissionConfiguration } = await import("./admission/admission-configuration.ts");
  return admissionConfiguration(path, files);
}

type Read = (path: string | undefined) => Promise<string | undefined>;

async function encryptionOf(
  flags: Values,
  services: Omit<EncryptionOptions, "path" | "reload">,
): Promise<Encryption | undefined> {
  const path = flags["encryption-provider-config"];
  const reload = flags["encryption-provider-config-automatic-reload"];
  if (!path) {
    if (!reload) return undefined;
    throw new Error("--encryption-provider-config-automatic-reload must be set with --encryption-provider-config");
  }
  const { encryption } = await import("./encryption/encryption.ts");
  return encryption({ ...services, path, reload });
}

async function withEncryption(store: Store, encryption: Encryption, flags: Values): Promise<Store> {
  const { encryptedStore } = await import("./encryption/encrypted-store.ts");
  const { resourceOfKey } = await import("./encryption/resource-of-key.ts");
  const builtIn = resourceDefinitions.map(({ type }) => type);
  const prefix = etcdPrefix(flags["etcd-prefix"]);
  return encryptedStore(
    store,
    encryption,
    resourceOfKey(builtIn),
    (key) => prefix + key.slice(DEFAULT_ETCD_PREFIX.length),
  );
}

async function serverSettings(
  flags: Values,
  read: Read,
  identity: IdentitySettings,
): Promise<Omit<ApiServerOptions, "store" | "clock" | "random" | "network" | "logger">> {
  const address = flags["advertise-address"] ?? flags["bind-address"];
  if (address === "0.0.0.0" || address === "::") {
    throw new Error("--advertise-address is required where --bind-address is every address");
  }
  const port = flags["secure-port"];
  const [certificate, key] = [flags["kubelet-client-certificate"], flags["kubelet-client-key"]];
  if (!certificate !== !key) throw new Error("--kubelet-client-certificate and --kubelet-client-key need each other");
  const [proxyCertificate, proxyKey] = [flags["proxy-client-cert-file"], flags["proxy-client-key-file"]];
  if (!proxyCertificate !== !proxyKey) {
    throw new Error("--proxy-client-cert-file and --proxy-client-key-file need each other");
  }
  const maxExpiration = flags["service-account-max-token-expiration"];
  return {
    ...servedApi({ runtimeConfig: flags["runtime-config"], featureGates: flags["feature-gates"] }),
    externalAddress: `${address.includes(":") ? `[${address}]` : address}:${port}`,
    advertise: { address, port },
    security: {
      authorizers: identity.authorizers,
      anonymous: identity.anonymous,
      ...(identity.tokenFile ? { tokenFile: identity.tokenFile } : {}),
      ...(identity.jwt ? { jwt: identity.jwt } : {}),
      ...(identity.tokenWebhook ? { tokenWebhook: identity.tokenWebhook } : {}),
      bootstrapTokens: flags["enable-bootstrap-token-auth"],
      requestHeader: await requestHeaderSettings(flags, read),
      serviceAccounts: {
        issuers: flags["service-account-issuer"],
        signingKey: (await read(flags["service-account-signing-key-file"]))!,
        keys: await Promise.all((flags["service-account-key-file"] ?? []).map(async (path) => (await read(path))!)),
        audiences: flags["api-audiences"],
        maxExpirationSeconds: maxExpiration === undefined ? undefined : maxExpiration / 1000,
        extendExpiration: flags["service-account-extend-token-expiration"],
        jwksUri: flags["service-account-jwks-uri"],
      },
    },
    admissionPlugins: { enable: flags["enable-admission-plugins"], disable: flags["disable-admission-plugins"] },
    tolerations: {
      notReadySeconds: flags["default-not-ready-toleration-seconds"],
      unreachableSeconds: flags["default-unreachable-toleration-seconds"],
    },
    ...(certificate && key
      ? {
          kubeletClient: {
            certificate: (await read(certificate))!,
            key: (await read(key))!,
            ca: await read(flags["kubelet-certificate-authority"]),
            addressTypes: flags["kubelet-preferred-address-types"],
          },
        }
      : {}),
    ...(proxyCertificate && proxyKey
      ? { proxyClient: { certificate: (await read(proxyCertificate))!, key: (await read(proxyKey))! } }
      : {}),
    serviceRouting: flags["enable-aggregator-routing"] ? "endpoint" : "cluster-ip",
    serviceClusterIpRanges: flags["service-cluster-ip-range"],
    serviceNodePortRange: flags["service-node-port-range"],
    maxReadingRequests: flags["max-requests-inflight"],
    maxMutatingRequests: flags["max-mutating-requests-inflight"],
    requestTimeoutMs: flags["request-timeout"],
    shortestWatchSeconds: flags["min-request-timeout"],
    eventTtlMs: flags["event-ttl"],
  };
}

async function requestHeaderSettings(flags: Values, read: Read): Promise<RequestHeaderOptions | undefined> {
  const ca = await read(flags["requestheader-client-ca-file"]);
  if (ca === undefined) return undefined;
  return {
    ca,
    allowedNames: flags["requestheader-allowed-names"],
    usernameHeaders: flags["requestheader-username-headers"],
    uidHeaders: flags["requestheader-uid-headers"],
    groupHeaders: flags["requestheader-group-headers"],
    extraHeaderPrefixes: flags["requestheader-extra-headers-prefix"],
  };
}

function listenAddress(flags: Values): Pick<ListenOptions, "host" | "port"> {
  const host = flags["bind-address"];
  // Node takes both families where no host is given.
  return { ...(host === "0.0.0.0" || host === "::" ? {} : { host }), port: flags["secure-port"] };
}

function servingFiles(flags: Values, { sni }: TrafficSettings): ServingFiles {
  const [clientCa, requestHeaderCa] = [flags["client-ca-file"], flags["requestheader-client-ca-file"]];
  return {
    certificate: flags["tls-cert-file"],
    key: flags["tls-private-key-file"],
    ...(clientCa ? { clientCa } : {}),
    ...(requestHeaderCa ? { requestHeaderCa } : {}),
    sni,
  };
}

/** The flags as `/flagz` shows them. None of them holds a secret itself. */
function shownFlags(flags: Values): Record<string, string> {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
