import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { type Logger, silentLogger } from "../../src/base/logger.ts";
import { systemRandom } from "../../src/base/random.ts";
import { issue, newAuthority } from "../../src/base/x509.ts";
import { etcdStore } from "../../src/store/etcd/etcd-store.ts";
import type { Store } from "../../src/store/store.ts";
import { freePort } from "../e2e/cluster.fixture.ts";

/** The reason to leave tests out where Debian's etcd-server is not installed. */
export const withoutEtcd = spawnSync("etcd", ["--version"]).error ? "etcd is not installed" : false;

const HOUR_MS = 3_600_000;
const clock = systemClock({ keepAlive: true });

/** An etcd of one member, of our own, that can be killed and started again on its data. */
export interface Etcd {
  readonly endpoint: string;
  readonly directory: string;
  readonly tls: { ca: string; certificate: string; key: string };
  readonly pid: number;
  /** `SIGKILL` for a sudden end. Resolves when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  /** A store on it, with its keys below `prefix`. */
  store(prefix?: string, options?: { root?: string; logger?: Logger; requestTimeoutMs?: number }): Promise<Store>;
  dispose(): Promise<void>;
}

/** Starts etcd with TLS on both sides. */
export async function startEtcd(flags: readonly string[] = []): Promise<Etcd> {
  const directory = await mkdtemp(join(tmpdir(), "knarr-etcd-"));
  const now = clock.now();
  const authority = newAuthority({ commonName: "etcd-ca", now, validityMs: HOUR_MS });
  const certificate = (commonName: string, usage: "server" | "client") =>
    issue({
      authority,
      commonName,
      ipAddresses: ["127.0.0.1"],
      usages: [usage],
      notBefore: now - HOUR_MS,
      notAfter: now + HOUR_MS,
    });
  const server = certificate("etcd", "server");
  const user = certificate("kube-apiserver-etcd-client", "client");
  const path = (name: string) => join(directory, name);
  await writeFile(path("ca.crt"), authority.certificatePem);
  await writeFile(path("server.crt"), server.certificatePem);
  await writeFile(path("server.key"), server.privateKeyPem!);
  await writeFile(path("client.crt"), user.certificatePem);
  await writeFile(path("client.key"), user.privateKeyPem!);
  const tls = { ca: authority.certificatePem, certificate: user.certificatePem, key: user.privateKeyPem! };
  let child: ChildProcess | undefined;
  let port = 0;
  let peerPort = 0;

  const launch = async (): Promise<boolean> => {
    const url = `https://127.0.0.1:${port}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    child = spawn(
      "etcd",
      [
        `--data-dir=${path("data")}`,
        `--listen-client-urls=${url}`,
        `--advertise-client-urls=${url}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=default=${peer}`,
        `--cert-file=${path("server.crt")}`,
        `--key-file=${path("server.key")}`,
        `--trusted-ca-file=${path("ca.crt")}`,
        "--client-cert-auth",
        "--log-level=error",
        "--logger=zap",
        "--heartbeat-interval=20",
        "--election-timeout=100",
        ...flags,
      ],
      { stdio: "ignore" },
    );
    const gone = once(child, "exit").then(() => false);
    const answers = etcdStore({ ...options(), root: "", prefix: "", requestTimeoutMs: 20_000 }).then(async (store) => {
      await store.close();
      return true;
    });
    return Promise.race([gone, answers]);
  };
  const options = () => ({
    endpoints: [`https://127.0.0.1:${port}`],
    tls,
    clock,
    random: systemRandom(),
    logger: silentLogger,
  });
  // A port that was free may be somebody else's by now.
  for (let attempt = 1; ; attempt++) {
    [port, peerPort] = [await freePort(), await freePort()];
    if (await launch()) break;
    if (attempt === 3) throw new Error("etcd does not start");
  }
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  return {
    endpoint: `https://127.0.0.1:${port}`,
    directory,
    tls,
    get pid() {
      return child!.pid!;
    },
    stop,
    async start() {
      if (!(await launch())) throw new Error("etcd does not start again");
    },
    store: (prefix = "", { root = "", ...given } = {}) => etcdStore({ ...options(), root, prefix, ...given }),
    async dispose() {
      await stop("SIGKILL");
      await rm(directory, { recursive: true, force: true });
    },
  };
}
