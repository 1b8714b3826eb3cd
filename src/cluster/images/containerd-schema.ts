import type { GrpcMethod } from "../../base/grpc.ts";
import { type Decode, type Encode, protobufSchema, type SchemaSource } from "../../base/protobuf-schema.ts";

/** The messages of containerd's own services (1.6 to 2.x), as far as images need them. */
const messages = {
  enums: { WriteAction: ["STAT", "WRITE", "COMMIT"] },
  messages: {
    Empty: {},
    FieldMask: { paths: "1 repeated string" },
    Descriptor: { mediaType: "1 string", digest: "2 string", size: "3 int64" },
    Mount: { type: "1 string", source: "2 string", target: "3 string", options: "4 repeated string" },

    LeaseCreateRequest: { id: "1 string", labels: "3 map string" },
    LeaseDeleteRequest: { id: "1 string", sync: "2 bool" },

    ContentInfo: { digest: "1 string", size: "2 int64", labels: "5 map string" },
    ContentInfoMessage: { info: "1 ContentInfo" },
    ContentInfoRequest: { digest: "1 string" },
    ContentUpdateRequest: { info: "1 ContentInfo", updateMask: "2 FieldMask" },
    ContentReadRequest: { digest: "1 string", offset: "2 int64", size: "3 int64" },
    ContentReadResponse: { offset: "1 int64", data: "2 bytes" },
    WriteContentRequest: {
      action: "1 WriteAction",
      ref: "2 string",
      total: "3 int64",
      expected: "4 string",
      offset: "5 int64",
      data: "6 bytes",
      labels: "7 map string",
    },
    WriteContentResponse: { action: "1 WriteAction", offset: "4 int64", total: "5 int64", digest: "6 string" },

    Image: { name: "1 string", labels: "2 map string", target: "3 Descriptor" },
    ImageMessage: { image: "1 Image" },
    ImageNameRequest: { name: "1 string" },
    ImageDeleteRequest: { name: "1 string", sync: "2 bool" },
    ImageListRequest: { filters: "1 repeated string" },
    ImageListResponse: { images: "1 repeated Image" },

    SnapshotKey: { snapshotter: "1 string", key: "2 string" },
    SnapshotPrepareRequest: { snapshotter: "1 string", key: "2 string", parent: "3 string", labels: "4 map string" },
    SnapshotPrepareResponse: { mounts: "1 repeated Mount" },
    SnapshotCommitRequest: { snapshotter: "1 string", name: "2 string", key: "3 string", labels: "4 map string" },
    ApplyRequest: { diff: "1 Descriptor", mounts: "2 repeated Mount" },
    ApplyResponse: { applied: "1 Descriptor" },
  },
} as const satisfies SchemaSource;

type Messages = (typeof messages)["messages"];
const schema = protobufSchema(messages);
const method = <Req extends keyof Messages, Res extends keyof Messages>(
  path: string,
  request: Req,
  response: Res,
): GrpcMethod<Encode<typeof messages, Req>, Decode<typeof messages, Res>> => ({
  path: `/containerd.services.${path}`,
  request: schema.codec(request),
  response: schema.codec(response),
});

/** The calls of containerd's services that images need. All want the `containerd-namespace` metadata. */
export const containerd = {
  createLease: method("leases.v1.Leases/Create", "LeaseCreateRequest", "Empty"),
  deleteLease: method("leases.v1.Leases/Delete", "LeaseDeleteRequest", "Empty"),
  contentInfo: method("content.v1.Content/Info", "ContentInfoRequest", "ContentInfoMessage"),
  updateContent: method("content.v1.Content/Update", "ContentUpdateRequest", "ContentInfoMessage"),
  readContent: method("content.v1.Content/Read", "ContentReadRequest", "ContentReadResponse"),
  writeContent: method("content.v1.Content/Write", "WriteContentRequest", "WriteContentResponse"),
  getImage: method("images.v1.Images/Get", "ImageNameRequest", "ImageMessage"),
  createImage: method("images.v1.Images/Create", "ImageMessage", "ImageMessage"),
  updateImage: method("images.v1.Images/Update", "ImageMessage", "ImageMessage"),
  deleteImage: method("images.v1.Images/Delete", "ImageDeleteRequest", "Empty"),
  listImages: method("images.v1.Images/List", "ImageListRequest", "ImageListResponse"),
  statSnapshot: method("snapshots.v1.Snapshots/Stat", "SnapshotKey", "Empty"),
  prepareSnapshot: method("snapshots.v1.Snapshots/Prepare", "SnapshotPrepareRequest", "SnapshotPrepareResponse"),
  commitSnapshot: method("snapshots.v1.Snapshots/Commit", "SnapshotCommitRequest", "Empty"),
  removeSnapshot: method("snapshots.v1.Snapshots/Remove", "SnapshotKey", "Empty"),
  applyDiff: method("diff.v1.Diff/Apply", "ApplyRequest", "ApplyResponse"),
};
