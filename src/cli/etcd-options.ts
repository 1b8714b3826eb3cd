import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { DEFAULT_ETCD_PREFIX, etcdPrefix } from "../apiserver/store-flags.ts";
import type { EtcdPlace } from "../cluster/record.ts";
import { parseEndpoint } from "../store/etcd-endpoint.ts";
import { UserError } from "./console.ts";

export interface EtcdOptions {
  etcdServers?: readonly string[];
  etcdCafile?: string;
  etcdCertfile?: string;
  etcdKeyfile?: string;
  etcdPrefix?: string;
}

/** kube-apiserver's flags of etcd, for a command. */
export function etcdOptions(command: Command): Command {
  return command
    .option("--etcd-servers <urls>", "keep the objects in etcd: https://HOST:PORT,… of its members", endpoints)
    .option("--etcd-cafile <file>", "the CA of etcd's certificates (PEM)")
    .option("--etcd-certfile <file>", "the client certificate for etcd (PEM)")
    .option("--etcd-keyfile <file>", "the key of --etcd-certfile (PEM)")
    .option("--etcd-prefix <prefix>", `the beginning of all keys in etcd (default: ${DEFAULT_ETCD_PREFIX})`, prefix);
}

/** Undefined where no etcd was named. Throws a UserError for options that need each other. */
export function etcdPlace(options: EtcdOptions, workingDirectory: string): EtcdPlace | undefined {
  const { etcdServers, etcdCafile, etcdCertfile, etcdKeyfile } = options;
  if (!etcdServers) {
    if (etcdCafile ?? etcdCertfile ?? etcdKeyfile ?? options.etcdPrefix) {
      throw new UserError("--etcd-cafile, --etcd-certfile, --etcd-keyfile and --etcd-prefix need --etcd-servers");
    }
    return undefined;
  }
  if (!etcdCertfile !== !etcdKeyfile) throw new UserError("--etcd-certfile and --etcd-keyfile need each other");
  const path = (file: string) => resolve(workingDirectory, file);
  return {
    etcdServers,
    etcdPrefix: options.etcdPrefix ?? DEFAULT_ETCD_PREFIX,
    ...(etcdCafile ? { etcdCaFile: path(etcdCafile) } : {}),
    ...(etcdCertfile && etcdKeyfile ? { etcdCertificateFile: path(etcdCertfile), etcdKeyFile: path(etcdKeyfile) } : {}),
  };
}

function endpoints(text: string): string[] {
  return explained(() => {
    const all = text.split(",").filter((endpoint) => endpoint !== "");
    for (const endpoint of all) parseEndpoint(endpoint);
    if (all.length === 0) throw new RangeError("no endpoint is given");
    return all;
  });
}

const prefix = (text: string): string => explained(() => etcdPrefix(text));

function explained<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
