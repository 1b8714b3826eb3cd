import assert from "node:assert/strict";
import { test } from "node:test";
import type { WriteContext } from "../../resource-definition.ts";
import type { Event } from "../../types/core.v1.ts";
import { event } from "./event.ts";

const core: WriteContext = { now: 0, user: { name: "u", groups: [] } };
const strict: WriteContext = { ...core, requested: { group: "events.k8s.io", version: "v1" } };
const sound = {
  metadata: { name: "e", namespace: "default" },
  involvedObject: { namespace: "default" },
  eventTime: "2026-01-01T00:00:00.000000Z",
  reportingComponent: "example.com/x",
  reportingInstance: "x-1",
  action: "Doing",
  reason: "Done",
  type: "Normal",
} as Event;
const texts = (found: { field: string; message: string }[] = []) =>
  found.map(({ field, message }) => `${field}: ${message}`);
const created = (changes: Partial<Event>, context = strict) => {
  const made = { ...sound, ...changes } as never;
  return texts([...event.validate!(made, context), ...event.validateCreate!(made, context)]);
};

test("events.k8s.io is strict about new events, the core group is not", () => {
  assert.deepEqual(created({}), []);
  const lax = { eventTime: undefined, count: 1, source: { component: "a" }, type: "Odd", series: { count: 1 } };
  assert.deepEqual(created(lax, core), []);
  assert.deepEqual(created(lax), [
    'series.count: Invalid value: "": should be at least 2',
    "series.lastObservedTime: Required value",
    "eventTime: Required value",
    'type: Invalid value: "": has invalid value: Odd',
    'count: Invalid value: "": needs to be unset',
    'source: Invalid value: "": needs to be unset',
  ]);
  assert.deepEqual(created({ reportingComponent: "" })[0], "reportingController: Required value");
  assert.deepEqual(created({ involvedObject: {}, metadata: { name: "e", namespace: "kube-system" } }), []);
});

test("only the series of an event may change through events.k8s.io", () => {
  const change = (changes: Partial<Event>, context = strict) =>
    texts(event.validateUpdate!({ ...sound, ...changes } as never, sound as never, context));
  const series = { count: 2, lastObservedTime: "2026-01-01T00:00:01.000000Z" };
  assert.deepEqual(change({ series }), []);
  assert.deepEqual(change({ action: "Other", reportingComponent: "y" }), [
    'action: Invalid value: "Other": field is immutable',
    'reportingController: Invalid value: "y": field is immutable',
  ]);
  assert.deepEqual(change({ action: "Other" }, core), []);
  const old = { ...sound, reportingInstance: "", series: {} };
  assert.deepEqual(
    texts(
      event.validateUpdate!(
        { ...sound, reportingInstance: undefined, series: { count: 0 } } as never,
        old as never,
        strict,
      ),
    ),
    [],
  );
});
