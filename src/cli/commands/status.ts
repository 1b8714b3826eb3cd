import { type Command, Option } from "commander";
import { stringify } from "yaml";
import { humanDuration } from "../../api/age.ts";
import { clusterStatus } from "../../cluster/status.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  program
    .command("status")
    .description(
      "Show each component of a cluster: its process, state, memory and age. Exits with 3 where one is stopped.",
    )
    .option("--name <name>", "the cluster's name", "default")
    .addOption(new Option("-o, --output <format>", "for scripts").choices(["json", "yaml"]))
    .action(async ({ name, output }: { name: string; output?: "json" | "yaml" }) => {
      const { machine, console } = context;
      const status = await clusterStatus(machine, name);
      if (!status) throw new UserError(`there is no cluster ${name}; make it with: knarr up --name ${name}`);
      if (output === "json") console.print(JSON.stringify(status, null, 2));
      else if (output === "yaml") console.print(stringify(status).trimEnd());
      else {
        const rows = status.components.map((component) => [
          component.name,
          component.pid === 0 ? "-" : String(component.pid),
          component.state,
          component.pid === 0 ? "-" : `${Math.round(component.residentBytes / 2 ** 20)} MiB`,
          component.pid === 0 ? "-" : humanDuration(component.uptimeMs),
        ]);
        console.print(table([["COMPONENT", "PID", "STATE", "MEMORY", "UPTIME"], ...rows]));
        console.print(`\nServer:      ${status.server}`);
        console.print(`Kubeconfig:  ${status.kubeconfig} (context ${status.context})`);
        console.print(`Data:        ${status.dataDir}`);
        console.print("Components with the same pid share that process and its memory.");
      }
      if (status.components.some((component) => component.state === "Stopped")) context.exitCode = 3;
    });
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]! + 3))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}
