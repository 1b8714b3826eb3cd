import type { Clock } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { TlsMaterial } from "./http/listener.ts";

/** How often the files are looked at, as upstream does beside its notifications. */
const RELOAD_PERIOD_MS = 60_000;

/** Where what the server shows and trusts is kept. */
export interface ServingFiles {
  certificate: string;
  key: string;
  clientCa?: string;
  requestHeaderCa?: string;
  /** Further certificates, for the names in them or for these. */
  sni: readonly { certificate: string; key: string; names: readonly string[] }[];
}

/** Reads the files. */
export async function readServingFiles(paths: ServingFiles, files: Pick<Files, "readFile">): Promise<TlsMaterial> {
  const read = (path: string) => files.readFile(path, "utf8");
  const { clientCa, requestHeaderCa } = paths;
  return {
    certificate: await read(paths.certificate),
    key: await read(paths.key),
    ...(clientCa ? { clientCa: await read(clientCa) } : {}),
    ...(requestHeaderCa ? { requestHeaderCa: await read(requestHeaderCa) } : {}),
    sni: await Promise.all(
      paths.sni.map(async ({ certificate, key, names }) => ({
        certificate: await read(certificate),
        key: await read(key),
        names,
      })),
    ),
  };
}

/**
 * Looks for changes of the files and hands them to `apply`, which throws for what can't be used: then what was there
 * before stays, until the files change again.
 */
export function followServingFiles(options: {
  paths: ServingFiles;
  loaded: TlsMaterial;
  apply(material: TlsMaterial): void;
  files: Pick<Files, "readFile">;
  clock: Clock;
  logger: Logger;
}): { check(): Promise<void>; stop(): void } {
  const { paths, apply, files, clock, logger } = options;
  let seen = JSON.stringify(options.loaded);
  const check = async () => {
    try {
      const material = await readServingFiles(paths, files);
      const now = JSON.stringify(material);
      if (now === seen) return;
      seen = now;
      apply(material);
      logger.info("reloaded the serving certificates and client CAs");
    } catch (error) {
      logger.error("serving certificates can't be reloaded: those before stay in use", { error });
    }
  };
  const timer = clock.every(RELOAD_PERIOD_MS, () => void check());
  return { check, stop: () => timer.cancel() };
}

/** `certificate,key` or `certificate,key:name,name`, as upstream's --tls-sni-cert-key. */
export function parseSniCertKey(text: string): ServingFiles["sni"][number] {
  const [pair = "", names = ""] = text.split(":");
  const [certificate, key, ...more] = pair.split(",");
  if (!certificate || !key || more.length > 0) {
    throw new Error("expected comma separated certificate and key file paths");
  }
  return { certificate, key, names: names === "" ? [] : names.split(",") };
}
