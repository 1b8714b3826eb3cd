import type { KubeObject, ResourceType } from "../../api/object.ts";
import { selfSubjectReviews, tokenReviews } from "../../api/resource-types.ts";
import { badRequest } from "../../api/status-error.ts";
import type { TokenReview, UserInfo as UserInfoReply } from "../../api/types/authentication.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Clock } from "../../base/clock.ts";
import { time } from "../../client/timestamps.ts";
import type { TokenAuthenticator } from "../authentication/bearer.ts";
import { authenticated } from "../authentication/union.ts";
import type { VirtualResource } from "../virtual-resource.ts";

const untyped = (type: ResourceType<KubeObject>) => type as ResourceType;

/** TokenReview: whom a token speaks for, asked by a component that was given one. */
export function tokenReviewResource(tokens: TokenAuthenticator, audiences: readonly string[]): VirtualResource {
  return {
    type: untyped(tokenReviews),
    async create(object) {
      const review = object as KubeObject as TokenReview;
      const token = review.spec?.token ?? "";
      if (token === "") throw badRequest("token is required for TokenReview in authentication");
      const presentedTo = review.spec.audiences?.length ? review.spec.audiences : audiences;
      let status: TokenReview["status"];
      try {
        const found = await tokens.authenticateToken(token, presentedTo);
        status = found
          ? { authenticated: true, user: reply(authenticated(found.user)), audiences: [...found.audiences] }
          : { user: {}, error: "invalid bearer token" };
      } catch (error) {
        status = { user: {}, error: (error as Error).message };
      }
      return { ...object, metadata: review.metadata ?? {}, status };
    },
  };
}

/** SelfSubjectReview: who I am (`kubectl auth whoami`). */
export function selfSubjectReviewResource(options: { clock: Clock }): VirtualResource {
  return {
    type: untyped(selfSubjectReviews),
    async create(object, { user }) {
      return {
        kind: object.kind,
        apiVersion: object.apiVersion,
        metadata: { creationTimestamp: time(options.clock.now()) },
        status: { userInfo: reply(user) },
      };
    },
  };
}

function reply(user: UserInfo): UserInfoReply {
  const extra = Object.fromEntries(Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]]));
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    ...(user.groups.length > 0 ? { groups: [...user.groups] } : {}),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}
