import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { anEvent, aTerminal } from "../domain/fixtures.testing";
import type { Studio } from "../domain/studio";
import type { Fault, Terminal } from "../domain/types";
import { Store } from "../store/store";
import { Failure } from "../wire/faults";
import { startSync } from "./sync";

const fault = (code: string, reason = ""): Fault => ({ code, reason, message: code, mend: "" });
const never = () => new Promise<never>(() => {});

/** A core whose streams fail with each fault in turn and then stay open. */
function core(faults: Fault[], changes: Terminal[][] = []) {
	const status = {
		workspaceName: "Home",
		deviceName: "",
		actorName: "",
		version: "",
		home: "",
		peerId: "",
		readOnly: "",
	};
	const asked = { watch: 0, events: 0 };
	const studio = {
		status: async () => status,
		async *watchTerminals() {
			const failure = faults[asked.watch++];
			if (failure) throw new Failure(failure);
			yield { terminals: [aTerminal()], partial: false };
			for (const terminals of changes) yield { terminals, partial: true };
			await never();
		},
		async *watchEvents() {
			asked.events++;
			yield [anEvent()];
			await never();
		},
	} as unknown as Studio;
	return { studio, asked };
}

beforeEach(() => {
	vi.useFakeTimers();
});
afterEach(() => {
	vi.useRealTimers();
});

test("a core that is gone is asked again until it is back", async () => {
	const store = new Store();
	const { studio, asked } = core([fault("unavailable"), fault("unavailable")]);
	const sync = startSync(store, studio, () => {});
	await vi.advanceTimersByTimeAsync(0);
	expect(store.get().connection.phase).toBe("offline");
	await vi.advanceTimersByTimeAsync(5_000);
	expect(store.get().connection.phase).toBe("online");
	expect([asked.watch, store.get().terminals.size, store.get().order.length]).toEqual([3, 1, 1]);
	sync.stop();
});

test("without a link the page is locked, asks no more, and stays so", async () => {
	const store = new Store();
	const { studio, asked } = core([fault("unauthenticated"), fault("unavailable")]);
	startSync(store, studio, () => {});
	await vi.advanceTimersByTimeAsync(60_000);
	expect(store.get().connection.phase).toBe("locked");
	expect(asked.watch).toBe(1);
});

test("a session that the core forgot is opened anew", async () => {
	const store = new Store();
	const forget = vi.fn();
	const { studio } = core([fault("unauthenticated", "session_unknown")]);
	const sync = startSync(store, studio, forget);
	await vi.advanceTimersByTimeAsync(5_000);
	expect(forget).toHaveBeenCalledTimes(1);
	expect(store.get().connection.phase).toBe("online");
	sync.stop();
});

test("what changed is put into the list, and the rest stays", async () => {
	const store = new Store();
	const changed = [aTerminal({ id: "b", name: "new" })];
	const { studio } = core([], [changed, [aTerminal({ id: "b", name: "renamed" })]]);
	const sync = startSync(store, studio, () => {});
	await vi.advanceTimersByTimeAsync(0);
	const names = [...store.get().terminals.values()].map((t) => t.name);
	expect(names).toEqual([aTerminal().name, "renamed"]);
	sync.stop();
});

test("a list that is whole again after a break forgets what is not in it", async () => {
	const store = new Store();
	store.listTerminals([aTerminal({ id: "gone" })]);
	const { studio } = core([fault("unavailable")]);
	const sync = startSync(store, studio, () => {});
	await vi.advanceTimersByTimeAsync(5_000);
	expect([...store.get().terminals.keys()]).toEqual([aTerminal().id]);
	sync.stop();
});
