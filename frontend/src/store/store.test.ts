import { expect, test } from "vitest";
import { anEvent, aTerminal } from "../domain/fixtures.testing";
import { random } from "../domain/random.testing";
import type { EventRecord, Terminal } from "../domain/types";
import { GROUPS, groupOf } from "../domain/words";
import { selectChip, selectGroups, selectHistory, selectWholeHistory } from "./selectors";
import { MAX_EVENTS, Store } from "./store";

/** The dumb second way: keep everything that was told, compute anew from it. */
class Oracle {
	list: Terminal[] = [];
	told: EventRecord[] = [];
	history(whole: boolean): string[] {
		const once = this.told.filter((e, i) => this.told.findIndex((o) => o.id === e.id) === i);
		const kept = once.slice(-MAX_EVENTS);
		const shown = kept.filter((e) => whole || !/\.(output|input)$/.test(e.type));
		return shown.map((e) => e.id).reverse();
	}
	groups(): string[][] {
		return GROUPS.map((g) =>
			this.list
				.filter((t) => groupOf(t) === g)
				.map((t) => t.id)
				.sort(),
		).filter((g) => g.length > 0);
	}
}

test("seeded: the store answers as a second, dumb one", () => {
	for (let seed = 1; seed <= 200; seed++) {
		const next = random(seed);
		const store = new Store();
		const oracle = new Oracle();
		let calls = 0;
		store.subscribe(() => calls++);
		for (let step = 0; step < 40; step++) {
			const before = calls;
			const state = store.get();
			const kind = next(3);
			if (kind === 0) {
				const changed = Array.from({ length: next(3) }, (_, i) =>
					aTerminal({
						id: `t${next(6)}-${i}`,
						state: next(2) === 0 ? "exited" : "running",
						createdAt: next(50),
					}),
				);
				const others = oracle.list.filter((t) => !changed.some((c) => c.id === t.id));
				oracle.list = [...others, ...changed];
				store.changeTerminals(changed);
			} else if (kind === 1) {
				oracle.list = Array.from({ length: next(6) }, (_, i) =>
					aTerminal({
						id: `t${(i + next(3)) % 6}-${i}`,
						state: (["running", "exited", "suspended", "lost"] as const)[next(4)] ?? "running",
						createdAt: next(50),
					}),
				);
				store.listTerminals(oracle.list);
			} else {
				const events = Array.from({ length: next(5) }, () =>
					anEvent({ id: `e${next(60)}`, type: next(3) === 0 ? "execution.output" : "execution.started" }),
				);
				oracle.told.push(...events);
				store.addEvents(events, 1_000);
			}
			expect(calls - before).toBe(store.get() === state ? 0 : 1);
			expect(selectGroups(store.get()).map((g) => g.terminals.map((t) => t.id).sort())).toEqual(
				oracle.groups(),
			);
			expect(selectWholeHistory(store.get()).map((e) => e.id)).toEqual(oracle.history(true));
			expect(selectHistory(store.get()).map((e) => e.id)).toEqual(oracle.history(false));
		}
	}
}, 60_000);

test("an unchanged record keeps its identity, an unchanged list tells nobody", () => {
	const store = new Store();
	store.listTerminals([aTerminal({ id: "a" }), aTerminal({ id: "b" })]);
	const before = store.get();
	store.listTerminals([aTerminal({ id: "a" }), aTerminal({ id: "b" })]);
	expect(store.get()).toBe(before);
	store.listTerminals([aTerminal({ id: "a" }), aTerminal({ id: "b", name: "new" })]);
	expect(store.get().terminals.get("a")).toBe(before.terminals.get("a"));
	expect(store.get().terminals.get("b")).not.toBe(before.terminals.get("b"));
	expect(selectGroups(store.get())).toBe(selectGroups(store.get()));
});

test("an empty first list is told: there is nothing is an answer too", () => {
	const store = new Store();
	store.listTerminals([]);
	expect(store.get().listed).toBe(true);
});

test("events are bounded and say so", () => {
	const store = new Store();
	store.addEvents(
		Array.from({ length: MAX_EVENTS + 3 }, (_, i) => anEvent({ id: `e${i}` })),
		MAX_EVENTS * 2,
	);
	expect(store.get().order).toHaveLength(MAX_EVENTS);
	expect(store.get().order[0]).toBe("e3");
	expect(store.get().events.has("e0")).toBe(false);
	expect(store.get().truncated).toBe(true);
});

test("names like __proto__ are names", () => {
	const store = new Store();
	store.listTerminals([aTerminal({ id: "__proto__", name: "constructor" })]);
	store.addEvents([anEvent({ id: "__proto__" })], 10);
	expect(store.get().terminals.get("__proto__")?.name).toBe("constructor");
	expect(selectHistory(store.get())).toHaveLength(1);
	expect(({} as Record<string, unknown>).name).toBeUndefined();
});

test("the chip shows only what is not normal", () => {
	const store = new Store();
	expect(selectChip(store.get())).toBeUndefined();
	store.setConnection("online", 1);
	expect(selectChip(store.get())).toBeUndefined();
	const status = { workspaceName: "", deviceName: "", actorName: "", version: "", home: "", peerId: "" };
	store.setStatus({ ...status, readOnly: "disk full" });
	expect(selectChip(store.get())?.label).toBe("Read-only: disk full");
	store.setConnection("offline", 2);
	expect(selectChip(store.get())?.label).toBe("Offline");
});

test("a connection that stays broken keeps the moment when it broke", () => {
	const store = new Store();
	const fault = { code: "unavailable", reason: "", message: "one", mend: "" };
	store.setConnection("offline", 5, fault);
	store.setConnection("offline", 9, { ...fault, message: "two" });
	expect(store.get().connection).toMatchObject({ since: 5, fault: { message: "two" } });
});
