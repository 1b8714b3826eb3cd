/** `host:port` of an endpoint, and whether it speaks TLS. Throws a RangeError for what is none. */
export function parseEndpoint(endpoint: string): { target: string; secure: boolean } {
  const match = /^(https?):\/\/(\[[0-9a-fA-F:]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?$/.exec(endpoint);
  if (!match) {
    throw new RangeError(`${JSON.stringify(endpoint)} is not an endpoint of etcd: expected https://HOST:PORT`);
  }
  const [, scheme, host, port = "2379"] = match;
  return { target: `${host}:${port}`, secure: scheme === "https" };
}
