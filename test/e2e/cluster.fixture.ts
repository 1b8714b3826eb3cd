/** A cluster for end-to-end tests, driven through the launcher and the kubectl of this machine, as a user would. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { CommandError, systemExec } from "../../src/base/exec.ts";

export const root = resolve(import.meta.dirname, "../..");
export const skip =
  process.platform !== "linux" || process.getuid?.() !== 0 ? "nodes need Linux and root" : (false as const);

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** How long a condition may take to come true, in ms. */
const PATIENCE_MS = 60_000;

/** Runs to the end, whatever the exit code. */
export async function run(
  command: string,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Outcome> {
  try {
    return await systemExec.run(command, args, options);
  } catch (error) {
    if (error instanceof CommandError && error.result.code !== null) return error.result;
    throw error;
  }
}

/** Calls `check` until it neither throws nor gives undefined or false; throws its last complaint when patience ends. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const giveUp = performance.now() + patienceMs;
  for (;;) {
    let complaint: unknown = "not yet";
    try {
      const result = await check();
      if (result !== undefined && result !== false) return result;
    } catch (error) {
      complaint = error;
    }
    if (performance.now() > giveUp)
      throw new Error(`${what}: ${complaint instanceof Error ? complaint.message : complaint}`, { cause: complaint });
    await wait(100);
  }
}

export class TestCluster {
  readonly name: string;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly apiPort: number;
  readonly #children = new Set<ChildProcess>();

  private constructor(name: string, directory: string, apiPort: number) {
    this.name = name;
    this.directory = directory;
    this.kubeconfig = join(directory, "kubeconfig");
    this.apiPort = apiPort;
  }

  static async create(suffix: string): Promise<TestCluster> {
    const directory = await mkdtemp(join(tmpdir(), `knarr-e2e-${suffix}-`));
    return new TestCluster(`e2e-${suffix}-${process.pid}`, directory, await freePort());
  }

  get dataDir(): string {
    return join(this.directory, "data");
  }
  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.kubeconfig };
  }

  knarr(...args: string[]): Promise<Outcome> {
    return run(join(root, "knarr"), args, { env: this.environment });
  }

  /** `knarr up` with this cluster's name, directory and port; throws unless it succeeds. */
  async up(...more: string[]): Promise<Outcome> {
    const args = ["up", "--name", this.name, "--data-dir", this.dataDir, "--api-port", String(this.apiPort), ...more];
    return must(await this.knarr(...args), `knarr ${args.join(" ")}`);
  }

  /** Standard output of kubectl; throws unless it succeeds. */
  async kubectl(...args: string[]): Promise<string> {
    return must(await this.tryKubectl(args), `kubectl ${args.join(" ")}`).stdout;
  }
  tryKubectl(args: readonly string[], input?: string): Promise<Outcome> {
    return run("kubectl", args, { env: this.environment, ...(input === undefined ? {} : { input }) });
  }
  async apply(yaml: string, ...args: string[]): Promise<string> {
    return must(await this.tryKubectl(["apply", "-f", "-", ...args], yaml), "kubectl apply").stdout;
  }

  /** A kubectl that goes on in the background; ended with the cluster at the latest. */
  background(...args: string[]): ChildProcess & { output: () => string } {
    const child = spawn("kubectl", args, { env: this.environment, stdio: ["pipe", "pipe", "pipe"] });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.stderr.on("data", (chunk) => (text += chunk));
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return Object.assign(child, { output: () => text });
  }

  async status(): Promise<{
    nodeAddress: string;
    components: { name: string; process: string; pid: number; state: string; residentBytes: number }[];
  }> {
    return JSON.parse((await this.knarr("status", "--name", this.name, "-o", "json")).stdout);
  }
  async pid(process: "control-plane" | "node" | "containerd"): Promise<number> {
    const found = (await this.status()).components.find((component) => component.process === process)?.pid;
    if (!found) throw new Error(`${process} does not run`);
    return found;
  }

  /** The last lines of the logs, for a failed test's report. */
  async logs(): Promise<string> {
    const { stdout } = await this.knarr("logs", "--name", this.name);
    return stdout.split("\n").slice(-60).join("\n");
  }

  async remove(): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await this.knarr("down", "--name", this.name, "--purge");
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function must(outcome: Outcome, what: string): Outcome {
  if (outcome.code !== 0)
    throw new Error(`${what} exited with ${outcome.code}: ${outcome.stderr.trim() || outcome.stdout.trim()}`);
  return outcome;
}

/** GETs a URL with a fresh connection; the body. Throws where it does not answer 200 within two seconds. */
export async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: "close" } });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.text();
}

/** A port of the loopback address that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
