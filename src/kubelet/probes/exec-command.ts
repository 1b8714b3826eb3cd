import { formatDuration } from "../../api/duration.ts";
import { type Runtime, RuntimeError } from "../runtime.ts";
import { ProbeError, type ProbeOutcome } from "./probe-result.ts";

const OUTPUT_LIMIT = 10 * 1024;

/** An exec probe: success where the command ends with 0. */
export async function probeExec(
  runtime: Runtime,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<ProbeOutcome> {
  try {
    const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, timeoutMs);
    const output = Buffer.concat([stdout, stderr]).subarray(0, OUTPUT_LIMIT).toString();
    return { result: exitCode === 0 ? "success" : "failure", output };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    if (error.code === "timeout") {
      const quoted = command.join(" ");
      return {
        result: "failure",
        output: `command timed out: ${JSON.stringify(quoted)} timed out after ${formatDuration(timeoutMs)}`,
      };
    }
    throw new ProbeError(error.message, { cause: error });
  }
}
