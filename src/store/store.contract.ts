import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "../base/random.ts";
import { CompactedError, FutureRevisionError, type Store, type StoreEvent, type SwapResult } from "./store.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);

/** What every store promises. `open` makes a fresh, empty one; `dispose` is called after its test. */
export function storeContract(name: string, open: () => Promise<{ store: Store; dispose(): Promise<void> }>): void {
  const on = (title: string, body: (store: Store) => Promise<void>) =>
    test(title, async () => {
      const { store, dispose } = await open();
      try {
        await body(store);
      } finally {
        await dispose();
      }
    });

  describe(`${name} keeps the store contract`, () => {
    on("each write takes the next revision, starting above 1", async (store) => {
      const start = await store.revision();
      assert.ok(start >= 1);
      const a = await put(store, "/a", "1");
      const b = await put(store, "/b", "1");
      assert.deepEqual([a, b], [start + 1, start + 2]);
      assert.equal(await store.revision(), b);
    });

    on("compare-and-swap creates, updates and deletes only from the expected revision", async (store) => {
      const created = await store.compareAndSwap("/k", 0, bytes("one"));
      assert.ok(created.swapped && created.entry);
      assert.deepEqual(show(created.entry), {
        key: "/k",
        value: "one",
        create: created.revision,
        mod: created.revision,
      });

      const again = await store.compareAndSwap("/k", 0, bytes("two"));
      assert.ok(!again.swapped);
      assert.deepEqual(show(again.current), show(created.entry));
      assert.equal(again.revision, created.revision);
      const missing = await store.compareAndSwap("/none", 5, bytes("x"));
      assert.ok(!missing.swapped && missing.current === undefined);

      const updated = await store.compareAndSwap("/k", created.revision, bytes("three"));
      assert.ok(updated.swapped && updated.entry);
      assert.equal(updated.revision, created.revision + 1);
      assert.equal(updated.entry.createRevision, created.revision);

      const stale = await store.compareAndSwap("/k", created.revision, null);
      assert.ok(!stale.swapped);
      const deleted = await store.compareAndSwap("/k", updated.revision, null);
      assert.ok(deleted.swapped && deleted.entry === undefined);
      assert.equal(deleted.revision, updated.revision + 1);
      assert.equal((await store.get("/k")).entry, undefined);

      const nothing = await store.compareAndSwap("/k", 0, null);
      assert.ok(nothing.swapped);
      assert.equal(await store.revision(), deleted.revision);
      const reborn = await store.compareAndSwap("/k", 0, bytes("four"));
      assert.ok(reborn.swapped && reborn.entry);
      assert.equal(reborn.entry.createRevision, reborn.revision);
    });

    on("of many who swap from the same revision exactly one wins", async (store) => {
      let revision = await put(store, "/k", "0");
      for (let round = 0; round < 5; round++) {
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, i) => store.compareAndSwap("/k", revision, bytes(`${round}/${i}`))),
        );
        const winners = results.filter((result) => result.swapped);
        assert.equal(winners.length, 1);
        const winner = winners[0] as SwapResult & { swapped: true };
        for (const result of results) if (!result.swapped) assert.deepEqual(show(result.current), show(winner.entry));
        assert.deepEqual(show((await store.get("/k")).entry), show(winner.entry));
        revision = winner.revision;
      }
    });

    on("values of any bytes and size come back as they were", async (store) => {
      const random = seededRandom(3);
      for (const size of [0, 1, 4095, 70_000, 1_500_000]) {
        const value = random.bytes(size);
        const result = await store.compareAndSwap(`/size/${size}`, 0, value);
        assert.ok(result.swapped);
        const back = (await store.get(`/size/${size}`)).entry!.value;
        assert.equal(Buffer.compare(value, back), 0);
      }
      assert.deepEqual(
        (await store.list("/size/")).entries.map((entry) => entry.value.length).sort((a, b) => a - b),
        [0, 1, 4095, 70_000, 1_500_000],
      );
    });

    on("a part of a larger buffer is stored as that part", async (store) => {
      const whole = bytes("..middle..");
      await store.compareAndSwap("/part", 0, whole.subarray(2, 8));
      assert.equal(text((await store.get("/part")).entry?.value), "middle");
    });

    on("reads at an older revision show what was there", async (store) => {
      const before = await store.revision();
      const one = await put(store, "/k", "one");
      const two = await put(store, "/k", "two", one);
      const gone = await remove(store, "/k", two);
      const three = await put(store, "/k", "three");
      const at = async (revision: number) => text((await store.get("/k", revision)).entry?.value);
      assert.equal(await at(before), undefined);
      assert.equal(await at(one), "one");
      assert.equal(await at(two), "two");
      assert.equal(await at(gone), undefined);
      assert.equal(await at(three), "three");
      assert.equal(await at(0), "three");
      const old = (await store.get("/k", two)).entry;
      assert.deepEqual([old?.createRevision, old?.modRevision], [one, two]);
      await assert.rejects(store.get("/k", three + 1), FutureRevisionError);
      await assert.rejects(store.list("/", { atRevision: three + 1 }), FutureRevisionError);
    });

    on("lists a prefix in byte order, in pages, with counts", async (store) => {
      const names = ["a", "b", "b/c", "b0", "z", "é", "\ue000", "\u{1f600}"];
      for (const name of [...names].reverse()) await put(store, `/p/${name}`, name);
      await put(store, "/p", "outside");
      await put(store, "/p0", "outside");
      const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const all = await store.list("/p/");
      assert.deepEqual(
        all.entries.map((entry) => text(entry.value)),
        sorted,
      );
      assert.deepEqual([all.more, all.count, all.revision], [false, names.length, await store.revision()]);
      assert.equal(await store.count("/p/"), names.length);
      assert.equal(await store.count("/nothing/"), 0);

      const first = await store.list("/p/", { limit: 3 });
      assert.deepEqual(
        first.entries.map((entry) => text(entry.value)),
        sorted.slice(0, 3),
      );
      assert.deepEqual([first.more, first.count], [true, names.length]);
      const second = await store.list("/p/", {
        limit: 10,
        from: `${first.entries[2]!.key}\0`,
        atRevision: first.revision,
      });
      assert.deepEqual(
        second.entries.map((entry) => text(entry.value)),
        sorted.slice(3),
      );
      assert.deepEqual([second.more, second.count], [false, names.length - 3]);
      const exact = await store.list("/p/", { limit: names.length });
      assert.equal(exact.more, false);
      assert.equal((await store.list("")).count, names.length + 2);
    });

    on("lists at older revisions equal a model's under random changes", async (store) => {
      const random = seededRandom(11);
      const model = new Map<string, { value: string; mod: number }>();
      const snapshots: { revision: number; state: [string, string][] }[] = [];
      for (let step = 0; step < 150; step++) {
        const key = `/r/${Math.floor(random.next() * 12)}`;
        const old = model.get(key);
        if (old && random.next() < 0.4) {
          await remove(store, key, old.mod);
          model.delete(key);
        } else model.set(key, { value: `${step}`, mod: await put(store, key, `${step}`, old?.mod) });
        const state = [...model].map(([k, v]): [string, string] => [k, v.value]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
        snapshots.push({ revision: await store.revision(), state });
      }
      for (const { revision, state } of snapshots.filter((_, i) => i % 7 === 0)) {
        const pages: [string, string][] = [];
        let from: string | undefined;
        for (let more = true; more; ) {
          const page = await store.list("/r/", { atRevision: revision, limit: 4, ...(from ? { from } : {}) });
          assert.equal(page.count, state.length - pages.length);
          assert.equal(page.revision, revision);
          for (const entry of page.entries) pages.push([entry.key, text(entry.value)!]);
          more = page.more;
          from = `${page.entries.at(-1)?.key}\0`;
        }
        assert.deepEqual(pages, state);
      }
    });

    on("a watch gets every change under its prefix once, in order, with the state before", async (store) => {
      const seen = collect(store, "/w/", 0);
      const one = await put(store, "/w/a", "1");
      const two = await put(store, "/w/a", "2", one);
      await put(store, "/other", "x");
      const three = await remove(store, "/w/a", two);
      await seen.until((events) => events.length === 3);
      assert.deepEqual(
        seen.events.map((event) => event.revision),
        [one, two, three],
      );
      assert.deepEqual(
        seen.events.map((event) => text(event.entry?.value)),
        ["1", "2", undefined],
      );
      assert.deepEqual(
        seen.events.map((event) => text(event.previous?.value)),
        [undefined, "1", "2"],
      );
      assert.deepEqual(
        seen.events.map((event) => event.previous?.modRevision),
        [undefined, one, two],
      );
      assert.equal(seen.events[1]!.entry!.createRevision, one);
      assert.deepEqual(seen.errors, []);
      seen.watch.close();
    });

    on("watches from any revision see the same history, also while writes go on", async (store) => {
      const start = await store.revision();
      const writer = async (id: number) => {
        let mod = 0;
        for (let i = 0; i < 30; i++) mod = await put(store, `/w/${id}`, `${i}`, mod);
      };
      const early = collect(store, "/w/", start);
      const half = Promise.all([writer(0), writer(1), writer(2)]);
      await early.until((events) => events.length >= 20);
      const late = collect(store, "/w/", start);
      const middle = early.events[9]!.revision;
      const from = collect(store, "/w/", middle);
      await half;
      const end = await store.revision();
      assert.equal(end, start + 90);
      const expected = Array.from({ length: 90 }, (_, i) => start + 1 + i);
      await early.until((events) => events.length === 90);
      await late.until((events) => events.length === 90);
      await from.until((events) => events.length === end - middle);
      assert.deepEqual(
        early.events.map((event) => event.revision),
        expected,
      );
      assert.deepEqual(late.events.map(showEvent), early.events.map(showEvent));
      assert.deepEqual(
        from.events.map(showEvent),
        early.events.map(showEvent).filter((event) => event.revision > middle),
      );
      for (const watch of [early, late, from]) assert.deepEqual(watch.errors, []);
    });

    on("a closed watch is silent, and a handler may write and close", async (store) => {
      const seen: number[] = [];
      const closed = collect(store, "/w/", 0);
      closed.watch.close();
      const done = Promise.withResolvers<void>();
      const watch = store.watch("/w/", 0, {
        onEvents(events) {
          for (const event of events) {
            seen.push(event.revision);
            if (seen.length < 4) void put(store, `/w/${seen.length}`, "again").catch(done.reject);
            else {
              watch.close();
              done.resolve();
            }
          }
        },
        onError: done.reject,
      });
      const first = await put(store, "/w/0", "go");
      await done.promise;
      await put(store, "/w/after", "x");
      await store.list("/w/");
      assert.deepEqual(seen, [first, first + 1, first + 2, first + 3]);
      assert.deepEqual(closed.events, []);
    });

    on("a watch learns of the revisions at which nothing happened under its prefix", async (store) => {
      const reached = Promise.withResolvers<void>();
      let target = Number.POSITIVE_INFINITY;
      let last = 0;
      const watch = store.watch("/quiet/", 0, {
        onEvents: () => reached.reject(new Error("there should be no events")),
        onError: reached.reject,
        onProgress(revision) {
          last = revision;
          if (revision >= target) reached.resolve();
        },
      });
      target = await put(store, "/loud", "x");
      if (last >= target) reached.resolve();
      await reached.promise;
      watch.close();
    });

    on("compaction drops the past and keeps the present", async (store) => {
      const one = await put(store, "/k", "1");
      const two = await put(store, "/k", "2", one);
      const other = await put(store, "/deleted", "x");
      const three = await put(store, "/k", "3", two);
      const gone = await remove(store, "/deleted", other);
      const kept = await put(store, "/kept", "y");
      const four = await put(store, "/k", "4", three);
      await store.compact(three);

      for (const revision of [one, two, other]) {
        await assert.rejects(
          store.get("/k", revision),
          (error) => error instanceof CompactedError && error.oldestRevision === three,
        );
        await assert.rejects(store.list("/", { atRevision: revision }), CompactedError);
      }
      assert.equal(text((await store.get("/k", three)).entry?.value), "3");
      assert.equal(text((await store.get("/deleted", three)).entry?.value), "x");
      assert.equal((await store.get("/deleted", gone)).entry, undefined);
      assert.equal(text((await store.get("/k")).entry?.value), "4");
      assert.deepEqual(
        (await store.list("/", { atRevision: three })).entries.map((entry) => text(entry.value)),
        ["x", "3"],
      );

      const tooOld = collect(store, "/", two);
      await tooOld.until(() => tooOld.errors.length > 0);
      assert.ok(tooOld.errors[0] instanceof CompactedError);
      assert.deepEqual(tooOld.events, []);
      const fine = collect(store, "/", three);
      await fine.until((events) => events.length === 3);
      assert.deepEqual(
        fine.events.map((event) => event.revision),
        [gone, kept, four],
      );
      assert.equal(text(fine.events[0]!.previous?.value), "x");
      assert.equal(text(fine.events[2]!.previous?.value), "3");

      await store.compact(one); // already done
      await store.compact(four);
      assert.deepEqual(
        (await store.list("/")).entries.map((entry) => text(entry.value)),
        ["4", "y"],
      );
      assert.equal(await put(store, "/next", "z"), four + 1);
      await assert.rejects(store.compact(four + 2), FutureRevisionError);
    });

    on("compaction under writes leaves a consistent store", async (store) => {
      let compacting = true;
      const writer = async (id: number) => {
        let mod = 0;
        for (let i = 0; i < 60; i++) {
          mod = await put(store, `/c/${id}`, `${i}`, mod);
          if (i % 20 === 19 && i < 59) {
            await remove(store, `/c/${id}`, mod);
            mod = 0;
          }
        }
      };
      const compactor = async () => {
        while (compacting) await store.compact(Math.max(1, (await store.revision()) - 5));
      };
      const compaction = compactor();
      await Promise.all([0, 1, 2, 3].map(writer));
      compacting = false;
      await compaction;
      assert.deepEqual(
        (await store.list("/c/")).entries.map((entry) => text(entry.value)),
        ["59", "59", "59", "59"],
      );
      const revision = await store.revision();
      const past = await store.list("/c/", { atRevision: revision - 3 });
      assert.equal(past.entries.filter((entry) => entry.modRevision > revision - 3).length, 0);
    });

    on("tells how large it is, and keeps everything when space is given back", async (store) => {
      for (let i = 0, mod = 0; i < 200; i++) mod = await put(store, "/d/k", `${i}`.repeat(2000), mod);
      await put(store, "/d/other", "x");
      const revision = await store.revision();
      await store.compact(revision);
      await store.defragment();
      const status = await store.status();
      assert.equal(status.revision, revision);
      assert.ok(status.bytes >= status.bytesInUse && status.bytesInUse > 0);
      assert.notEqual(status.backend, "");
      assert.equal(text((await store.get("/d/k")).entry?.value), "199".repeat(2000));
      assert.equal(await put(store, "/d/next", "y"), revision + 1);
      assert.equal((await store.list("/d/")).count, 3);
    });

    on("removes by itself what was given a time to live, or refuses to", async (store) => {
      if (!store.expires) {
        await assert.rejects(store.compareAndSwap("/t", 0, bytes("x"), { timeToLiveMs: 1000 }), RangeError);
        assert.equal((await store.get("/t")).entry, undefined);
        return;
      }
      const seen = collect(store, "/t/", 0);
      const written = await store.compareAndSwap("/t/short", 0, bytes("x"), { timeToLiveMs: 1000 });
      const kept = await store.compareAndSwap("/t/kept", 0, bytes("x"), { timeToLiveMs: 1000 });
      assert.ok(written.swapped && kept.swapped);
      await put(store, "/t/kept", "for good", kept.revision);
      await seen.until((events) => events.some((event) => event.entry === undefined));
      const gone = seen.events.find((event) => event.entry === undefined)!;
      assert.deepEqual([gone.key, gone.previous?.modRevision], ["/t/short", written.revision]);
      assert.equal(text((await store.get("/t/kept")).entry?.value), "for good");
    });

    on("after close everything rejects", async (store) => {
      await put(store, "/k", "1");
      await store.close();
      await assert.rejects(store.get("/k"));
      await assert.rejects(store.list("/"));
      await assert.rejects(store.compareAndSwap("/k", 0, bytes("2")));
      await assert.rejects(store.revision());
      await store.close();
    });
  });
}

async function put(store: Store, key: string, value: string, expected = 0): Promise<number> {
  const result = await store.compareAndSwap(key, expected, bytes(value));
  assert.ok(result.swapped, `${key} was at ${result.swapped || result.current?.modRevision}, not at ${expected}`);
  return result.revision;
}

async function remove(store: Store, key: string, expected: number): Promise<number> {
  const result = await store.compareAndSwap(key, expected, null);
  assert.ok(result.swapped);
  return result.revision;
}

function collect(store: Store, prefix: string, after: number) {
  const events: StoreEvent[] = [];
  const errors: Error[] = [];
  let wake: (() => void) | undefined;
  const watch = store.watch(prefix, after, {
    onEvents(batch) {
      assert.ok(batch.length > 0);
      events.push(...batch);
      wake?.();
    },
    onError(error) {
      errors.push(error);
      wake?.();
    },
  });
  return {
    events,
    errors,
    watch,
    async until(condition: (events: StoreEvent[]) => boolean) {
      while (!condition(events)) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

const show = (entry: { key: string; value: Uint8Array; createRevision: number; modRevision: number } | undefined) =>
  entry && { key: entry.key, value: text(entry.value), create: entry.createRevision, mod: entry.modRevision };
const showEvent = (event: StoreEvent) => ({
  revision: event.revision,
  key: event.key,
  entry: show(event.entry),
  previous: show(event.previous),
});
