import { notImplemented } from "../../api/status-error.ts";
import type { Reply } from "../http/exchange.ts";
import type { ResourceRequest } from "./resource-request.ts";

export const APPLY_MEDIA_TYPES: readonly string[] = ["application/apply-patch+yaml"];

export async function applyObject(_request: ResourceRequest): Promise<Reply> {
  throw notImplemented("server-side apply");
}

export async function applyScale(_request: ResourceRequest): Promise<Reply> {
  throw notImplemented("server-side apply");
}
