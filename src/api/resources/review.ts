import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  tokenReviews,
} from "../resource-types.ts";
import type { SelfSubjectReview, TokenReview } from "../types/authentication.v1.ts";
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from "../types/authorization.v1.ts";
import { define } from "./define.ts";

/** Reviews are questions: created, answered in the reply, never stored. */
const verbs = ["create"];

export const reviews = [
  define<TokenReview>({ type: tokenReviews, singular: "tokenreview", verbs }),
  define<SelfSubjectReview>({ type: selfSubjectReviews, singular: "selfsubjectreview", verbs }),
  define<SubjectAccessReview>({ type: subjectAccessReviews, singular: "subjectaccessreview", verbs }),
  define<SelfSubjectAccessReview>({ type: selfSubjectAccessReviews, singular: "selfsubjectaccessreview", verbs }),
  define<SelfSubjectRulesReview>({ type: selfSubjectRulesReviews, singular: "selfsubjectrulesreview", verbs }),
  define<LocalSubjectAccessReview>({ type: localSubjectAccessReviews, singular: "localsubjectaccessreview", verbs }),
];
