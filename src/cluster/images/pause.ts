import { textFile } from "./layer.ts";
import { memoryImage } from "./memory-image.ts";
import { architecture, type ImageSource } from "./oci.ts";
import { pauseProgram } from "./pause-program.ts";

/** The image of a sandbox's first process, made on the spot: no registry is asked for it. */
export function pauseImage(name: string, processor = architecture()): Promise<ImageSource> {
  return memoryImage(
    name,
    {
      architecture: processor,
      config: {
        User: "65535:65535",
        Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Entrypoint: ["/pause"],
        WorkingDir: "/",
      },
    },
    [textFile("/pause", pauseProgram(processor), 0o755)],
  );
}
