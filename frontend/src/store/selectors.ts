// Questions over the state. Each remembers its last answer, so that an answer
// that did not change keeps its identity.
import type { EventRecord, Terminal } from "../domain/types";
import { GROUPS, type Group, groupOf } from "../domain/words";
import type { State } from "./store";

function remember<K, V>(key: (s: State) => K, compute: (s: State) => V): (s: State) => V {
	let last: { key: K; value: V } | undefined;
	return (s) => {
		const k = key(s);
		if (!last || !Object.is(last.key, k)) last = { key: k, value: compute(s) };
		return last.value;
	};
}

/** One group of the sidebar. */
export interface TerminalGroup {
	group: Group;
	terminals: Terminal[];
}

/** Terminals by group; running ones oldest first, ended ones newest end first. Empty groups are absent. */
export const selectGroups = remember(
	(s) => s.terminals,
	(s): TerminalGroup[] => {
		const all = [...s.terminals.values()];
		return GROUPS.map((group) => ({
			group,
			terminals: all
				.filter((t) => groupOf(t) === group)
				.sort(
					(a, b) =>
						(group === "Ended" ? (b.endedAt ?? 0) - (a.endedAt ?? 0) : a.createdAt - b.createdAt) ||
						byId(a, b),
				),
		})).filter((g) => g.terminals.length > 0);
	},
);

function byId(a: { id: string }, b: { id: string }): number {
	return a.id < b.id ? -1 : 1;
}

/** What comes and goes by the minute; History leaves it out unless asked. */
const STREAM = new Set(["execution.output", "execution.input", "execution.resized"]);

/** Events newest first, without those about bytes and sizes that came and went. */
export const selectHistory = remember((s) => s.order, newestFirst(false));
/** All events, newest first. */
export const selectWholeHistory = remember((s) => s.order, newestFirst(true));

function newestFirst(whole: boolean): (s: State) => EventRecord[] {
	return (s) => {
		const list: EventRecord[] = [];
		for (let i = s.order.length - 1; i >= 0; i--) {
			const e = s.events.get(s.order[i] ?? "");
			if (e && (whole || !STREAM.has(e.type))) list.push(e);
		}
		return list;
	};
}

/** What the top bar's one chip says, or undefined when everything is normal. */
export interface Chip {
	label: string;
	title: string;
}

/** The chip shows only what is not normal: a core that is gone, a core that takes no writes. */
export function selectChip(s: State): Chip | undefined {
	if (s.connection.phase === "offline") {
		return {
			label: "Offline",
			title: "The core does not answer. Programs go on; this page connects again by itself.",
		};
	}
	if (s.status?.readOnly) {
		return {
			label: `Read-only: ${s.status.readOnly}`,
			title: "Nothing new is recorded until this is mended.",
		};
	}
	return undefined;
}
