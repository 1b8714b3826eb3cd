import { formatDuration } from "../../api/duration.ts";
import { dialGrpc, GrpcError } from "../../base/grpc.ts";
import { protobufSchema } from "../../base/protobuf-schema.ts";
import type { ProbeOutcome } from "./probe-result.ts";

/** https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
const health = protobufSchema({
  enums: { ServingStatus: ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] },
  messages: {
    HealthCheckRequest: { service: "1 string" },
    HealthCheckResponse: { status: "1 ServingStatus" },
  },
});
const CHECK = {
  path: "/grpc.health.v1.Health/Check",
  request: health.codec("HealthCheckRequest"),
  response: health.codec("HealthCheckResponse"),
};

/** A grpc probe: success where the service says that it is serving. */
export async function probeGrpc(
  host: string,
  port: number,
  service: string,
  options: { timeoutMs: number; userAgent: string },
): Promise<ProbeOutcome> {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const channel = dialGrpc(address, { metadata: { "user-agent": options.userAgent } });
  const failure = (output: string): ProbeOutcome => ({ result: "failure", output });
  try {
    const { status } = await channel.unary(CHECK, { service }, { timeoutMs: options.timeoutMs });
    if (status === "SERVING") return { result: "success", output: "service healthy" };
    return failure(`service unhealthy (responded with ${JSON.stringify(status)})`);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    const within = formatDuration(options.timeoutMs);
    if (error.code === "unimplemented") {
      return failure(
        `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.message}`,
      );
    }
    if (error.code === "deadline-exceeded") return failure(`timeout: health rpc did not complete within ${within}`);
    if (error.code === "unavailable") {
      return failure(`error: failed to connect service at ${JSON.stringify(address)}: ${error.message}`);
    }
    return failure(`error: health rpc probe failed: ${error.message}`);
  } finally {
    channel.close();
  }
}
