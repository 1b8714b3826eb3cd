import type { Command } from "commander";
import { layout } from "../../cluster/layout.ts";
import { readRecord } from "../../cluster/record.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  program
    .command("kubectl")
    .description("Run the kubectl of this machine on a cluster: knarr kubectl [--name NAME] ARGUMENT...")
    .option("--name <name>", "the cluster's name; must stand first", "default")
    .argument("[arguments...]", "what kubectl gets")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[], { name }: { name: string }) => {
      const { machine } = context;
      const record = await readRecord(machine.files, name);
      if (!record) throw new UserError(`there is no cluster ${name}; make it with: knarr up --name ${name}`);
      const KUBECONFIG = layout(name, record.dataDir).adminKubeconfig;
      const child = machine.exec.spawn("kubectl", args, {
        stdio: "inherit",
        env: { ...context.environment, KUBECONFIG },
      });
      context.exitCode = await new Promise<number>((resolve, reject) => {
        child.once("error", (error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOENT") return reject(error);
          reject(
            new UserError(
              "there is no kubectl on PATH. Get it from https://kubernetes.io/docs/tasks/tools/ or, on Debian and Ubuntu, with: apt-get install kubernetes-client",
            ),
          );
        });
        child.once("exit", (code, signal) => resolve(signal ? 128 : (code ?? 1)));
      });
    });
}
