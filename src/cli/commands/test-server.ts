import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { apiServerFlags } from "../../apiserver/options.ts";
import type { Flags, FlagValues } from "../../base/flags.ts";
import { defineComponent } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

/** The certificate and key that envtest puts into --cert-dir. */
const CERTIFICATE = "apiserver.crt";
const KEY = "apiserver.key";

const serverFlags = {
  ...apiServerFlags,
  "tls-cert-file": {
    kind: "string",
    description: "the server's certificate (PEM); default: apiserver.crt in --cert-dir",
  },
  "tls-private-key-file": {
    kind: "string",
    description: "its private key (PEM); default: apiserver.key in --cert-dir",
  },
  "cert-dir": { kind: "string", description: "the directory of the server's certificate and key" },
  "etcd-servers": { kind: "list", description: "taken, but not asked: objects are in memory" },
  controllers: { kind: "list", default: [], description: "the controllers to run: * for all; none by default" },
  nodes: { kind: "integer", default: 0, description: "how many simulated nodes there are, with a scheduler for them" },
} as const satisfies Flags;

const etcdFlags = {
  "listen-client-urls": { kind: "string", required: true, description: "where to answer: http://HOST:PORT" },
  "advertise-client-urls": { kind: "string", description: "taken as it is" },
  "listen-peer-urls": { kind: "string", description: "taken as it is: there are no peers" },
  "data-dir": { kind: "string", description: "taken as it is: nothing is stored" },
  "unsafe-no-fsync": { kind: "boolean", description: "taken as it is: nothing is stored" },
} as const satisfies Flags;

export function define(program: Command, context: Context): void {
  const { machine, console, environment, workingDirectory } = context;
  const group = program
    .command("test-server")
    .description("Serve the API to tests of other programs, in the place of envtest's binaries.");

  group
    .command("assets")
    .description(
      "Write the programs that envtest looks for in KUBEBUILDER_ASSETS; each starts this one. Suites then run unchanged.",
    )
    .argument("<directory>", "where to; made if it is not there")
    .option("--controllers <names>", "let every server run these controllers: * for all (default: none, as envtest)")
    .option("--nodes <count>", "give every server so many simulated nodes and a scheduler", count)
    .action(async (directory: string, flags: { controllers?: string; nodes?: number }) => {
      const target = resolve(workingDirectory, directory);
      const launcher = environment.KNARR_LAUNCHER;
      const start = launcher ? [launcher] : context.program;
      const extra = [
        ...(flags.controllers === undefined ? [] : [`--controllers=${flags.controllers}`]),
        ...(flags.nodes === undefined ? [] : [`--nodes=${flags.nodes}`]),
      ];
      await machine.files.mkdir(target, { recursive: true, mode: 0o755 });
      for (const [name, more] of [
        ["etcd", []],
        ["kube-apiserver", extra],
      ] as const) {
        const words = [...start, "test-server", name, ...more].map(quoted).join(" ");
        await machine.files.writeAtomic(join(target, name), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
      }
      console.note(`Wrote etcd and kube-apiserver to ${target}. Let a test suite use them with:`);
      console.print(`export KUBEBUILDER_ASSETS=${quoted(target)}`);
    });

  defineComponent(group, context, {
    name: "kube-apiserver",
    description: "Serve the API with its objects in memory, until interrupted. Takes kube-apiserver's flags.",
    flags: serverFlags,
    async run(flags, { logger, signal }) {
      const { runTestApiServer } = await import("../../cluster/test-api-server.ts");
      const { "cert-dir": directory, controllers, nodes, ...server } = flags;
      const inDirectory = (name: string) => {
        if (!directory) throw new UserError("--tls-cert-file and --tls-private-key-file, or --cert-dir, are required");
        return join(resolve(workingDirectory, directory), name);
      };
      const complete: FlagValues<typeof apiServerFlags> = {
        ...server,
        "tls-cert-file": flags["tls-cert-file"] ?? inDirectory(CERTIFICATE),
        "tls-private-key-file": flags["tls-private-key-file"] ?? inDirectory(KEY),
        "advertise-address": flags["advertise-address"] ?? "127.0.0.1",
        // Never asked; but a server must be told of a store.
        "etcd-servers": flags["etcd-servers"] ?? ["http://127.0.0.1:2379"],
      };
      await runTestApiServer({ machine, logger, flags: complete, controllers, nodes }, signal);
    },
  });

  defineComponent(group, context, {
    name: "etcd",
    description: "Answer health checks as etcd does, and nothing else: the API server keeps its objects itself.",
    flags: etcdFlags,
    async run(flags, { logger, signal }) {
      const url = new URL(flags["listen-client-urls"]);
      if (url.protocol !== "http:") throw new UserError("--listen-client-urls must be an http URL");
      const server = machine.network.http.createServer((request, response) => {
        const health = request.url === "/health";
        response.writeHead(health ? 200 : 404, { "content-type": "application/json" });
        response.end(health ? '{"health":"true","reason":""}' : '{"message":"there is no store here"}');
      });
      await new Promise<void>((listening, failed) => {
        server.once("error", failed);
        server.listen(Number(url.port), url.hostname, listening);
      });
      logger.info("answering health checks", { url: url.href });
      await new Promise<void>((stop) => {
        if (signal.aborted) stop();
        else signal.addEventListener("abort", () => stop(), { once: true });
      });
      server.close();
      server.closeAllConnections();
    },
  });
}

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("a whole number is expected.");
  return Number(text);
}

/** A word for the shell. */
const quoted = (word: string): string => (/^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
