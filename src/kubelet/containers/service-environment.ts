import type { Service } from "../../api/types/core.v1.ts";

/**
 * The variables that tell a container of Services: `NAME_SERVICE_HOST` and `…_PORT`, and Docker's link variables.
 * See https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
 */
export function serviceEnvironment(services: readonly Service[]): Map<string, string> {
  const result = new Map<string, string>();
  for (const service of services) {
    const address = service.spec?.clusterIP;
    const ports = service.spec?.ports ?? [];
    if (!address || address === "None" || ports.length === 0) continue;
    const name = variableName(service.metadata?.name ?? "");
    const bracketed = address.includes(":") ? `[${address}]` : address;
    result.set(`${name}_SERVICE_HOST`, address);
    result.set(`${name}_SERVICE_PORT`, String(ports[0]!.port));
    for (const port of ports) {
      if (port.name) result.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
    }
    for (const [index, port] of ports.entries()) {
      const protocol = port.protocol ?? "TCP";
      const url = `${protocol.toLowerCase()}://${bracketed}:${port.port}`;
      const prefix = `${name}_PORT_${port.port}_${protocol}`;
      if (index === 0) result.set(`${name}_PORT`, url);
      result.set(prefix, url);
      result.set(`${prefix}_PROTO`, protocol.toLowerCase());
      result.set(`${prefix}_PORT`, String(port.port));
      result.set(`${prefix}_ADDR`, address);
    }
  }
  return result;
}

const variableName = (name: string) => name.toUpperCase().replaceAll("-", "_");

/** The Services a pod of `namespace` is told of: those of its namespace where it wants them, and the API's own always. */
export function servicesFor(namespace: string, links: boolean, all: readonly Service[]): Service[] {
  const isApi = (service: Service) =>
    service.metadata?.namespace === "default" && service.metadata.name === "kubernetes";
  const own = all.filter((service) => service.metadata?.namespace === namespace && (links || isApi(service)));
  const ownHasApi = own.some((service) => service.metadata?.name === "kubernetes");
  return ownHasApi ? own : [...own, ...all.filter(isApi)];
}
