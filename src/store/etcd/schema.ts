import type { GrpcMethod } from "../../base/grpc.ts";
import { protobufSchema } from "../../base/protobuf-schema.ts";

/** The part of etcd's v3 API that a store needs: https://etcd.io/docs/v3.4/dev-guide/api_reference_v3/ */
const schema = protobufSchema({
  enums: {
    CompareResult: ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"],
    CompareTarget: ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"],
    EventType: ["PUT", "DELETE"],
  },
  messages: {
    ResponseHeader: { revision: "3 int64" },
    KeyValue: { key: "1 bytes", create_revision: "2 int64", mod_revision: "3 int64", value: "5 bytes" },
    RangeRequest: {
      key: "1 bytes",
      range_end: "2 bytes",
      limit: "3 int64",
      revision: "4 int64",
      keys_only: "8 bool",
      count_only: "9 bool",
    },
    RangeResponse: { header: "1 ResponseHeader", kvs: "2 repeated KeyValue", more: "3 bool", count: "4 int64" },
    PutRequest: { key: "1 bytes", value: "2 bytes", lease: "3 int64" },
    DeleteRangeRequest: { key: "1 bytes" },
    Compare: { result: "1 CompareResult", target: "2 CompareTarget", key: "3 bytes", mod_revision: "6 int64" },
    RequestOp: {
      request_range: "1 RangeRequest",
      request_put: "2 PutRequest",
      request_delete_range: "3 DeleteRangeRequest",
    },
    ResponseOp: { response_range: "1 RangeResponse" },
    TxnRequest: { compare: "1 repeated Compare", success: "2 repeated RequestOp", failure: "3 repeated RequestOp" },
    TxnResponse: { header: "1 ResponseHeader", succeeded: "2 bool", responses: "3 repeated ResponseOp" },
    CompactionRequest: { revision: "1 int64" },
    CompactionResponse: { header: "1 ResponseHeader" },
    WatchCreateRequest: {
      key: "1 bytes",
      range_end: "2 bytes",
      start_revision: "3 int64",
      progress_notify: "4 bool",
      prev_kv: "6 bool",
      fragment: "8 bool",
    },
    WatchProgressRequest: {},
    WatchRequest: { create_request: "1 WatchCreateRequest", progress_request: "3 WatchProgressRequest" },
    Event: { type: "1 EventType", kv: "2 KeyValue", prev_kv: "3 KeyValue" },
    WatchResponse: {
      header: "1 ResponseHeader",
      created: "3 bool",
      canceled: "4 bool",
      compact_revision: "5 int64",
      cancel_reason: "6 string",
      fragment: "7 bool",
      events: "11 repeated Event",
    },
    LeaseGrantRequest: { TTL: "1 int64", ID: "2 int64" },
    LeaseGrantResponse: { ID: "2 int64", TTL: "3 int64", error: "4 string" },
    StatusRequest: {},
    StatusResponse: { header: "1 ResponseHeader", version: "2 string", dbSize: "3 int64", dbSizeInUse: "9 int64" },
    DefragmentRequest: {},
    DefragmentResponse: { header: "1 ResponseHeader" },
  },
});

const method = <Req, Res>(
  path: string,
  request: GrpcMethod<Req, Res>["request"],
  response: GrpcMethod<Req, Res>["response"],
): GrpcMethod<Req, Res> => ({ path: `/etcdserverpb.${path}`, request, response });

export const range = method("KV/Range", schema.codec("RangeRequest"), schema.codec("RangeResponse"));
export const txn = method("KV/Txn", schema.codec("TxnRequest"), schema.codec("TxnResponse"));
export const compact = method("KV/Compact", schema.codec("CompactionRequest"), schema.codec("CompactionResponse"));
export const watch = method("Watch/Watch", schema.codec("WatchRequest"), schema.codec("WatchResponse"));
export const leaseGrant = method(
  "Lease/LeaseGrant",
  schema.codec("LeaseGrantRequest"),
  schema.codec("LeaseGrantResponse"),
);
export const status = method("Maintenance/Status", schema.codec("StatusRequest"), schema.codec("StatusResponse"));
export const defragment = method(
  "Maintenance/Defragment",
  schema.codec("DefragmentRequest"),
  schema.codec("DefragmentResponse"),
);

/** A key and its value as etcd sends them. */
export type EtcdKeyValue = ReturnType<(typeof range)["response"]["decode"]>["kvs"][number];
export type EtcdWatchResponse = ReturnType<(typeof watch)["response"]["decode"]>;
