import { join, resolve } from "node:path";
import type { Command } from "commander";
import { openArchive } from "../../cluster/images/archive.ts";
import { type BuiltImage, buildImage, buildRootfsImage, type RunOptions } from "../../cluster/images/build.ts";
import { listImages, loadImages, type NodeImages, removeImage } from "../../cluster/images/node-images.ts";
import { layout } from "../../cluster/layout.ts";
import { readRecord } from "../../cluster/record.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

/** Where layers that images share are kept between builds. */
const BUILD_CACHE = "/var/lib/knarr/build-cache";

interface BuildFlags {
  tag: string;
  name: string;
  rootfs?: string;
  entrypoint?: string;
  cmd?: string;
  env: string[];
  workdir?: string;
  user?: string;
}

export function define(program: Command, context: Context): void {
  const { machine, console } = context;
  const image = program.command("image").description("Build, load, list and remove the images of a cluster's nodes.");

  image
    .command("build")
    .description(
      "Make an image of a Node program (its directory, a Node runtime and the libraries that needs) and load it.",
    )
    .argument("[directory]", "the program: a directory with a package.json")
    .requiredOption("-t, --tag <reference>", "the image's name, like hello:1")
    .option("--name <name>", "the cluster to load it into", "default")
    .option("--rootfs <directory>", "take this directory as the image's whole root file system instead")
    .option("--entrypoint <json>", "what the container runs, as a JSON list: '[\"/bin/app\"]'")
    .option("--cmd <json>", "its arguments, as a JSON list")
    .option("--env <NAME=value>", "a variable of the environment; may be repeated", collect, [])
    .option("--workdir <path>", "the working directory")
    .option("--user <user>", "the user, by name or number, with :group if wanted")
    .action(async (directory: string | undefined, flags: BuildFlags) => {
      if ((directory === undefined) === (flags.rootfs === undefined)) {
        throw new UserError("name either a program's directory or, with --rootfs, a root file system");
      }
      const nodes = await nodesOf(context, flags.name);
      const options = {
        files: machine.files,
        random: machine.random,
        reference: flags.tag,
        cacheDir: BUILD_CACHE,
        ...runOptions(flags),
      };
      const source = resolve(context.workingDirectory, directory ?? flags.rootfs!);
      let built: BuiltImage;
      const building = console.step(`building ${flags.tag}`);
      try {
        built = await (directory === undefined ? buildRootfsImage(source, options) : buildImage(source, options));
        building.done(`built ${flags.tag}`);
      } catch (error) {
        building.failed();
        throw error;
      }
      try {
        await load(context, flags.name, nodes, built);
      } finally {
        await built.close();
      }
    });

  image
    .command("load")
    .description("Load the images of a tar file (OCI layout, or what docker save writes).")
    .argument("<file>", "the tar file")
    .option("--name <name>", "the cluster to load them into", "default")
    .action(async (file: string, { name }: { name: string }) => {
      const nodes = await nodesOf(context, name);
      const archive = await openArchive(resolve(context.workingDirectory, file), machine);
      try {
        await load(context, name, nodes, archive);
      } finally {
        await archive.close();
      }
    });

  image
    .command("ls")
    .description("List the images of the cluster's node.")
    .option("--name <name>", "the cluster", "default")
    .option("-o, --output <format>", "json, for scripts")
    .action(async ({ name, output }: { name: string; output?: string }) => {
      if (output !== undefined && output !== "json")
        throw new UserError(`unknown output format ${output}: json is the one there is`);
      const images = await listImages((await nodesOf(context, name))[0]!);
      if (output === "json") return console.print(JSON.stringify(images, null, 2));
      const rows = images.map(({ tags, digests, id, sizeBytes }) => [
        tags[0] ?? digests[0] ?? "<none>",
        id.replace("sha256:", "").slice(0, 12),
        `${(sizeBytes / 1e6).toFixed(1)} MB`,
      ]);
      const width = Math.max(5, ...rows.map(([reference]) => reference!.length));
      console.print(`${"IMAGE".padEnd(width)}   ${"ID".padEnd(12)}   SIZE`);
      for (const [reference, id, size] of rows) console.print(`${reference!.padEnd(width)}   ${id}   ${size}`);
    });

  image
    .command("rm")
    .description("Remove an image, by its name or id.")
    .argument("<reference>", "the image")
    .option("--name <name>", "the cluster", "default")
    .action(async (reference: string, { name }: { name: string }) => {
      const removed = await Promise.all(
        (await nodesOf(context, name)).map((node) => removeImage(machine, node, reference)),
      );
      if (!removed.includes(true)) throw new UserError(`cluster ${name} has no image ${reference}`);
      console.print(`Removed ${reference}.`);
    });
}

async function load(
  context: Context,
  name: string,
  nodes: readonly NodeImages[],
  source: Parameters<typeof loadImages>[2],
): Promise<void> {
  const step = context.console.step(`loading into cluster ${name}`);
  try {
    const loaded = await loadImages(context.machine, nodes, source);
    step.done(`loaded ${loaded.map((image) => image.name).join(", ")} into cluster ${name}`);
  } catch (error) {
    step.failed();
    throw error;
  }
}

/** The sockets of the cluster's containerds. Throws where it does not run. */
async function nodesOf({ machine }: Context, name: string): Promise<NodeImages[]> {
  const record = await readRecord(machine.files, name);
  if (!record) throw new UserError(`there is no cluster ${name}; make it with: knarr up --name ${name}`);
  const socket = join(layout(name, record.dataDir).containerdState, "containerd.sock");
  if (!(await machine.files.exists(socket)))
    throw new UserError(`cluster ${name} is not running; start it with: knarr up --name ${name}`);
  return [{ socket }];
}

function runOptions(flags: BuildFlags): RunOptions {
  return {
    ...(flags.entrypoint === undefined ? {} : { entrypoint: jsonList("--entrypoint", flags.entrypoint) }),
    ...(flags.cmd === undefined ? {} : { cmd: jsonList("--cmd", flags.cmd) }),
    ...(flags.env.length === 0 ? {} : { env: flags.env }),
    ...(flags.workdir === undefined ? {} : { workingDir: flags.workdir }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
  };
}

function jsonList(flag: string, text: string): string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.every((item) => typeof item === "string")) return parsed;
  } catch {
    // Not JSON at all: the same advice helps.
  }
  throw new UserError(`${flag} takes a JSON list of strings, like '["sleep", "60"]'`);
}

function collect(value: string, previous: string[]): string[] {
  if (!/^[^=]+=/.test(value)) throw new UserError(`--env takes NAME=value, not ${value}`);
  return [...previous, value];
}
