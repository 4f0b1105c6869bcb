// The page's one state: normalised records and what is selected. No React: a
// listener is told after each change, and a record that did not change keeps
// its identity.
import type { CoreStatus, EventRecord, Fault, Terminal } from "../domain/types";

/** Events kept in the page: what a person scrolls through; older ones are in `atelier log`. */
export const MAX_EVENTS = 5_000;

/** What is selected, everywhere at once. */
export type Selection = { kind: "terminal"; id: string } | { kind: "event"; id: string } | undefined;

/** How the page stands to the core. */
export interface Connection {
	phase: "connecting" | "online" | "offline" | "locked";
	since: number;
	fault?: Fault;
}

export interface State {
	readonly terminals: ReadonlyMap<string, Terminal>;
	/** True once the core told its list for the first time. */
	readonly listed: boolean;
	readonly events: ReadonlyMap<string, EventRecord>;
	/** Event ids in the order of arrival, parents first. */
	readonly order: readonly string[];
	/** True when older events were let go or never asked for. */
	readonly truncated: boolean;
	readonly status: CoreStatus | undefined;
	readonly connection: Connection;
	readonly selection: Selection;
}

export const EMPTY: State = {
	terminals: new Map(),
	listed: false,
	events: new Map(),
	order: [],
	truncated: false,
	status: undefined,
	connection: { phase: "connecting", since: 0 },
	selection: undefined,
};

/** Holds the state and tells its listeners. */
export class Store {
	private now: State = EMPTY;
	private readonly listeners = new Set<() => void>();

	readonly get = (): State => this.now;

	readonly subscribe = (listener: () => void): (() => void) => {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	};

	/** The whole list of terminals, as the core tells it. */
	listTerminals(list: readonly Terminal[]): void {
		const next = new Map<string, Terminal>();
		let same = this.now.listed && list.length === this.now.terminals.size;
		for (const t of list) {
			const before = this.now.terminals.get(t.id);
			const kept = before && equal(before, t) ? before : t;
			same &&= kept === before;
			next.set(t.id, kept);
		}
		if (!same) this.set({ terminals: next, listed: true });
	}

	/** Terminals that changed or are new; the others are as they were. */
	changeTerminals(changed: readonly Terminal[]): void {
		const different = changed.filter((t) => !equal(this.now.terminals.get(t.id), t));
		if (different.length === 0) return;
		const terminals = new Map(this.now.terminals);
		for (const t of different) terminals.set(t.id, t);
		this.set({ terminals });
	}

	/** More events, parents first. One that is known already changes nothing. */
	addEvents(list: readonly EventRecord[], newest: number): void {
		const events = new Map(this.now.events);
		let order = [...this.now.order];
		for (const e of list) {
			if (events.has(e.id)) continue;
			events.set(e.id, e);
			order.push(e.id);
		}
		if (order.length === this.now.order.length) return;
		const tooMany = order.length - MAX_EVENTS;
		if (tooMany > 0) {
			for (const id of order.slice(0, tooMany)) events.delete(id);
			order = order.slice(tooMany);
		}
		this.set({ events, order, truncated: this.now.truncated || tooMany > 0 || order.length >= newest });
	}

	setStatus(status: CoreStatus): void {
		if (!this.now.status || !equal(this.now.status, status)) this.set({ status });
	}

	setConnection(phase: Connection["phase"], at: number, fault?: Fault): void {
		// Without a link nothing else can be known: only a new page ends it.
		if (this.now.connection.phase === "locked") return;
		if (this.now.connection.phase === phase && this.now.connection.fault?.message === fault?.message) return;
		const since = this.now.connection.phase === phase ? this.now.connection.since : at;
		this.set({ connection: { phase, since, ...(fault ? { fault } : {}) } });
	}

	select(selection: Selection): void {
		const now = this.now.selection;
		if (now?.kind === selection?.kind && now?.id === selection?.id) return;
		this.set({ selection });
	}

	private set(change: Partial<State>): void {
		this.now = { ...this.now, ...change };
		for (const listener of [...this.listeners]) listener();
	}
}

/** Are two records of plain values equal? Records are small: compared as a whole. */
function equal(a: unknown, b: unknown): boolean {
	if (Object.is(a, b)) return true;
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
	const [ka, kb] = [Object.keys(a), Object.keys(b)];
	if (ka.length !== kb.length) return false;
	return ka.every((k) => Object.hasOwn(b, k) && equal((a as Named)[k], (b as Named)[k]));
}

type Named = Record<string, unknown>;
