import type { KubeObject } from "../../api/object.ts";
import { conflict, type Subject } from "../../api/status-error.ts";
import type { Preconditions } from "../../api/types/meta.v1.ts";

/** Refuses (409) to delete an object that is not the one the client means. */
export function checkDeletePreconditions(
  subject: Subject,
  object: KubeObject,
  wanted: Preconditions | undefined,
): void {
  if (!wanted) return;
  const { uid = "", resourceVersion = "", name = "" } = object.metadata ?? {};
  if (wanted.uid !== undefined && wanted.uid !== uid) {
    throw conflict(
      subject,
      name,
      `the UID in the precondition (${wanted.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (wanted.resourceVersion !== undefined && wanted.resourceVersion !== resourceVersion) {
    throw conflict(
      subject,
      name,
      `the ResourceVersion in the precondition (${wanted.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

/** Refuses (409) an update whose object carries the uid of another one: the object was deleted, and made anew or not. */
export function checkUid(subject: Subject, key: string, name: string, wanted: string, present: string): void {
  if (wanted === present) return;
  throw conflict(
    subject,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${present}`,
  );
}

/** What a client is told whose object is out of date. */
export const MODIFIED_MESSAGE =
  "the object has been modified; please apply your changes to the latest version and try again";
