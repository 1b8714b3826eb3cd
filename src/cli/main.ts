/**
 * The knarr command. Each subcommand is a file in commands/, read only when it is called: a start pays for one command.
 */
import { Command, CommanderError } from "commander";
import { systemMachine } from "../base/machine.ts";
import { terminalConsole, UserError } from "./console.ts";
import type { Context } from "./context.ts";

type Define = (program: Command, context: Context) => void;

/** The order is that of `--help`; hidden ones are what `up` starts in the background. */
const COMMANDS: Readonly<Record<string, { load: () => Promise<{ define: Define }>; hidden?: true }>> = {
  up: { load: () => import("./commands/up.ts") },
  down: { load: () => import("./commands/down.ts") },
  status: { load: () => import("./commands/status.ts") },
  logs: { load: () => import("./commands/logs.ts") },
  kubectl: { load: () => import("./commands/kubectl.ts") },
  image: { load: () => import("./commands/image.ts") },
  store: { load: () => import("./commands/store.ts") },
  node: { load: () => import("./commands/node.ts") },
  "test-server": { load: () => import("./commands/test-server.ts") },

  "kube-apiserver": { load: () => import("./commands/kube-apiserver.ts") },
  "kube-controller-manager": { load: () => import("./commands/kube-controller-manager.ts") },
  "kube-scheduler": { load: () => import("./commands/kube-scheduler.ts") },

  kubelet: { load: () => import("./commands/kubelet.ts") },
  "kube-proxy": { load: () => import("./commands/kube-proxy.ts") },
  "control-plane": { load: () => import("./commands/control-plane.ts"), hidden: true },
};

async function run(args: readonly string[]): Promise<number> {
  const machine = systemMachine({ keepAlive: true });
  const context: Context = {
    machine,
    console: terminalConsole(process.stdout, process.stderr, () => machine.clock.monotonic()),
    environment: process.env,
    pid: process.pid,
    workingDirectory: process.cwd(),
    program: [process.execPath, process.argv[1]!],
    exitCode: 0,
    stopRequested: stopSignal(),
  };
  const program = new Command("knarr")
    .description("Kubernetes, in one process for the control plane and one for each node.")
    .version(VERSION, "-V, --version")
    // What stands behind `kubectl` is for kubectl.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("(see --help)");
  const wanted = args.find((argument) => !argument.startsWith("-"));
  const names =
    wanted !== undefined && wanted in COMMANDS
      ? [wanted]
      : Object.keys(COMMANDS).filter((name) => !COMMANDS[name]!.hidden);
  for (const name of names) (await COMMANDS[name]!.load()).define(program, context);
  try {
    await program.parseAsync(args, { from: "user" });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof UserError || !(error instanceof Error))
      context.console.note(`knarr: ${(error as Error)?.message ?? error}`);
    // Messages are written for people; the trace helps only those who look for a mistake of ours.
    else context.console.note(`knarr: ${process.env.KNARR_TRACE ? (error.stack ?? error.message) : error.message}`);
    return 1;
  }
}

/** Aborted by the first SIGINT or SIGTERM; the second ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      controller.abort(new UserError("interrupted"));
      process.once(name, () => process.exit(130));
    });
  }
  return controller.signal;
}

import { VERSION } from "./version.ts";

// Whatever is still open (a connection of a process that failed half-way) must not keep the process.
process.exit(await run(process.argv.slice(2)));
