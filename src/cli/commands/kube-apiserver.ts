import { hostname } from "node:os";
import type { Command } from "commander";
import { fixedFlags } from "../../apiserver/fixed-flags.ts";
import { apiServerFlags } from "../../apiserver/options.ts";
import { runApiServer } from "../../apiserver/run.ts";
import { readDescriptions } from "../../cluster/descriptions.ts";
import { openStore } from "../../cluster/store.ts";
import { defineComponent } from "../component.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  const { machine } = context;
  defineComponent(program, context, {
    name: "kube-apiserver",
    description: "Run the API server by itself, with its store.",
    flags: { ...fixedFlags, ...apiServerFlags },
    run: (flags, { logger, signal }) =>
      runApiServer(
        {
          ...machine,
          flags,
          logger,
          hostname: hostname(),
          openStore: (settings) => openStore(settings, { ...machine, logger }),
          descriptions: () => readDescriptions(machine.files),
          stdout: (text) => context.console.print(text.trimEnd()),
        },
        signal,
      ),
  });
}
