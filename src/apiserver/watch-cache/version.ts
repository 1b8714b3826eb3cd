import type { UnknownObject } from "../../api/object.ts";
import type { Entry } from "../../store/store.ts";
import type { Forgetful, MemoBudget } from "./memo.ts";
import type { Attributes, CachedObject, ChangeEvent, ResourceCacheOptions } from "./watch-cache.ts";

/** What all versions of one resource have in common. */
export interface Reading {
  readonly prefix: string;
  readonly decode: NonNullable<ResourceCacheOptions["decode"]>;
  readonly attributes: NonNullable<ResourceCacheOptions["attributes"]>;
  readonly memo: MemoBudget;
  /** Objects that a writer gave along with their bytes. */
  readonly given: WeakMap<Uint8Array, UnknownObject>;
  /** Whether decoded objects are frozen, to find out who changes them. */
  readonly freeze: boolean;
}

/** How much larger a decoded object is than its JSON, roughly, on V8's heap. */
const DECODED_FACTOR = 3;

/** One version of one object: its bytes, and what was made of them so far. */
export class Version implements CachedObject, Forgetful {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  readonly createRevision: number;
  private readonly reading: Reading;
  private decoded: UnknownObject | undefined;
  private known: Attributes | undefined;
  private forms: Map<string, Uint8Array> | undefined;
  private addition: SharedEvent | undefined;

  constructor(reading: Reading, entry: Entry) {
    this.reading = reading;
    this.key = entry.key;
    this.value = entry.value;
    this.revision = entry.modRevision;
    this.createRevision = entry.createRevision;
    const given = reading.given.get(entry.value);
    if (!given) return;
    reading.given.delete(entry.value);
    this.keep({ ...given });
  }

  get namespace(): string {
    const start = this.reading.prefix.length;
    const end = this.key.indexOf("/", start);
    return end < 0 ? "" : this.key.slice(start, end);
  }

  get name(): string {
    return this.key.slice(this.key.lastIndexOf("/") + 1);
  }

  get object(): UnknownObject {
    return this.decoded ?? this.keep(this.reading.decode(this.value, this.key));
  }

  peek(): UnknownObject {
    return this.decoded ?? this.complete(this.reading.decode(this.value, this.key));
  }

  /** How much must be decoded before the attributes are known. */
  get unreadBytes(): number {
    return this.known || this.decoded ? 0 : this.value.length;
  }

  get attributes(): Attributes {
    this.known ??= this.reading.attributes(this.object);
    return this.known;
  }

  /** Learns the attributes, but does not remember the object, which would drive out others when many are gone through. */
  skim(): void {
    this.known ??= this.reading.attributes(this.peek());
  }

  /** This version as the addition of an object. */
  get added(): ChangeEvent {
    this.addition ??= new SharedEvent("ADDED", this, this.reading.memo);
    return this.addition;
  }

  encoded(format: string, encode: (object: CachedObject) => Uint8Array): Uint8Array {
    this.forms ??= new Map();
    return remembered(this.forms, format, this, this.reading.memo, () => encode(this));
  }

  /** The same state under a later revision: what the event of its deletion carries. */
  at(revision: number): Version {
    const { key, value, createRevision } = this;
    const later = new Version(this.reading, { key, value, createRevision, modRevision: revision });
    later.known = this.known;
    return later;
  }

  /** This object as the event `type`. */
  as(type: ChangeEvent["type"]): ChangeEvent {
    return type === "ADDED" ? this.added : new SharedEvent(type, this, this.reading.memo);
  }

  forget(): void {
    this.decoded = undefined;
    this.forms = undefined;
    this.addition = undefined;
  }

  /** Remembers `object`, which nobody else holds; its metadata may be shared. */
  private keep(object: UnknownObject): UnknownObject {
    this.decoded = this.complete(object);
    this.reading.memo.remember(this, this.value.length * DECODED_FACTOR);
    return this.decoded;
  }

  private complete(object: UnknownObject): UnknownObject {
    object.metadata = { ...object.metadata, resourceVersion: String(this.revision) };
    return this.reading.freeze ? deepFreeze(object) : object;
  }
}

/** An event that many watchers see, with its wire forms. */
export class SharedEvent implements ChangeEvent, Forgetful {
  readonly type: ChangeEvent["type"];
  readonly object: Version;
  private readonly memo: MemoBudget;
  private forms: Map<string, Uint8Array> | undefined;

  constructor(type: ChangeEvent["type"], object: Version, memo: MemoBudget) {
    this.type = type;
    this.object = object;
    this.memo = memo;
  }

  encoded(format: string, encode: (event: ChangeEvent) => Uint8Array): Uint8Array {
    this.forms ??= new Map();
    return remembered(this.forms, format, this, this.memo, () => encode(this));
  }

  forget(): void {
    this.forms = undefined;
  }
}

function remembered(
  forms: Map<string, Uint8Array>,
  format: string,
  owner: Forgetful,
  memo: MemoBudget,
  make: () => Uint8Array,
): Uint8Array {
  const known = forms.get(format);
  if (known) return known;
  const made = make();
  forms.set(format, made);
  memo.remember(owner, made.length);
  return made;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
